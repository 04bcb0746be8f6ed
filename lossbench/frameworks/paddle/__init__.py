"""PaddlePaddle: its loss layers and functions, and recipes from its primitives."""

from __future__ import annotations

from lossbench.framework import load_modules
from lossbench.frameworks.paddle.engine import framework

__all__ = ["framework"]

load_modules(__name__, __path__)
