"""torch: the losses of torch.nn, the weighted forms that only torch.nn.functional has, and recipes.

A class of torch.nn keeps its settings and calls the function of torch.nn.functional, nothing else, so one entry under
the name of the class stands for both. The adapters call the function: building the class anew in each call would
triple the time of a small loss.
"""

from __future__ import annotations

from lossbench.framework import load_modules
from lossbench.frameworks.torch.engine import framework

__all__ = ["framework"]

load_modules(__name__, __path__)
