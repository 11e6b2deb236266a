"""How near to the optimum the allocation gets: graphs with known optima, worked through on a virtual clock.

The strategies are the product's own, asked through its own store; the simulation only lets time pass.
"""
