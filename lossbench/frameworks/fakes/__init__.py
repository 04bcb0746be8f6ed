"""A framework made of numpy, whose implementations are honest, in trouble or lying on purpose.

Every module of this folder enters its implementations into the one table by being imported.
"""

from lossbench.framework import load_modules
from lossbench.frameworks.fakes.engine import framework

__all__ = ["framework"]

load_modules(__name__, __path__)
