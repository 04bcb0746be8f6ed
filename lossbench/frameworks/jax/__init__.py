"""JAX: the losses of optax, and recipes from the primitives of jax.numpy, each compiled as its users compile them."""

from __future__ import annotations

from lossbench.framework import load_modules
from lossbench.frameworks.jax.engine import framework

__all__ = ["framework"]

load_modules(__name__, __path__)
