"""Questions to the fakes, with inputs of their own."""

from collections.abc import Sequence

import numpy as np

from lossbench.floats import encode, format_named
from lossbench.records import Question, Target
from lossbench.wire import WireArray, fingerprint

FAKES = Target("fakes")
HONEST = "squared_error:fakes.honest.squared_error"
Asked = tuple[Question, tuple[WireArray, ...]]


def trouble(what: str) -> str:
    """The key of one of the implementations in trouble."""
    return f"squared_error:fakes.trouble.{what}"


def question(
    identity: int,
    implementations: Sequence[str],
    *,
    shape: tuple[int, ...] = (3, 4),
    dtype: str = "float32",
    reduction: str = "none",
    cotangents: Sequence[tuple[int, ...]] | None = None,
    repeat: bool = False,
    layout: str = "",
) -> Asked:
    """A question about the squared error; `cotangents` are their shapes, by default one that fits the reduction."""
    random = np.random.default_rng(identity)
    shapes = [shape if reduction == "none" else ()] if cotangents is None else cotangents
    arrays = tuple(
        WireArray(dtype, encode(random.normal(size=each), format_named(dtype))) for each in (shape, shape, *shapes)
    )
    names = ("prediction", "target")
    record = Question(
        identity, tuple(implementations), names, names, (), reduction, len(shapes), fingerprint(arrays), repeat, layout
    )
    return record, arrays
