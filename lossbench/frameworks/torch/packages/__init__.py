"""Losses of packages that are written for torch: one file for each package, which describes its calls.

A package is imported when one of its losses is first asked for, and its implementations are absent, by name, where it
is not installed.
"""

from __future__ import annotations

import torch

from lossbench.framework import load_modules
from lossbench.packages import Package

# What pip is told beside a package, so that it leaves torch as it is.
BESIDE = f"torch=={str(torch.__version__).partition('+')[0]}"


def package(name: str, module: str, measured: str, version: str = "") -> Package:
    """A package for torch; see `lossbench.packages.Package`."""
    return Package(name, module, measured, version=version, beside=BESIDE)


load_modules(__name__, __path__)
