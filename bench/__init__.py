"""Benchmarks of longpole that compare only what one run measured side by side; docs/benchmarks.md explains them."""
