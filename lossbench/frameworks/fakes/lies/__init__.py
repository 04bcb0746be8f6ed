"""Implementations that are wrong on purpose, each in one way; its docstring says in which.

`lossbench selftest` shows that the judge catches every one of them. They are grouped by where the lie is told: in
what is divided, in the formula, in the gradient, under conditions, in manners, and in precision.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
