"""What the answer should be: certified arithmetic, closed forms, reductions.

Called, it answers as `lossbench.notebook.reference` does: ``lossbench.reference("huber", prediction=..., target=...)``
means the package and the function alike, and whichever was imported first.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class _Answering(types.ModuleType):
    def __call__(self, *arguments: Any, **arrays: Any) -> Any:
        """The float64 value and gradients of a loss, see `lossbench.notebook.reference`."""
        from importlib import import_module

        return import_module("lossbench.notebook").reference(*arguments, **arrays)


sys.modules[__name__].__class__ = _Answering
