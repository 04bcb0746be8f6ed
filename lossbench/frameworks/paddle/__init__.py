"""PaddlePaddle: its loss layers and functions, and recipes from its primitives."""

from __future__ import annotations

from lossbench.frameworks.paddle import binary, elementwise, metric, recipes, rows, sequence
from lossbench.frameworks.paddle.engine import framework

__all__ = ["binary", "elementwise", "framework", "metric", "recipes", "rows", "sequence"]
