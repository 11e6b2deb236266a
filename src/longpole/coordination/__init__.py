"""WHO runs the strategy, and WHEN. Every mechanism ends in the same claim."""
