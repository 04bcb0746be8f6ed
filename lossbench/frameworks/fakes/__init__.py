"""A framework made of numpy, whose implementations are honest, in trouble or lying on purpose.

Every module of this folder enters its implementations into the one table by being imported.
"""

import importlib
import pkgutil

from lossbench.frameworks.fakes.engine import framework

__all__ = ["framework"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
