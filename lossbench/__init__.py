"""Benchmarks and verifies loss functions: values and gradients against a certified reference.

In Python, with the words of the command line::

    import lossbench

    lossbench.compare("huber", framework="torch")  # a pandas DataFrame, a row for each case and implementation
    lossbench.speed("huber", framework="torch")
    lossbench.reference("cross_entropy", logits=x, target=y).value  # float64, with its gradients
    lossbench.certified("cross_entropy", logits=x, target=y)  # proven to the last digit

Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossbench.notebook import Numbers, certified, compare, reference, speed

__all__ = ["Numbers", "certified", "compare", "reference", "speed"]


def __getattr__(name: str) -> object:
    """What is asked for, imported now."""
    if name == "reference":  # also the name of a package, which answers calls by what is meant here
        import importlib

        return importlib.import_module("lossbench.reference")
    if name in __all__:
        from lossbench import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'lossbench' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """The names above, which tab completion offers."""
    return sorted([*globals(), *__all__])
