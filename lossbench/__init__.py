"""Benchmarks and verifies loss functions: values and gradients against a certified reference."""
