"""Implementations that are wrong on purpose, each in one way; its docstring says in which.

`lossbench selftest` shows that the judge catches every one of them. They are grouped by where the lie is told: in
what is divided, in the formula, in the gradient, in that by a layer, under conditions, in manners, and in precision.
"""

from lossbench.framework import load_modules

load_modules(__name__, __path__)
