"""The fakes' arithmetic: numpy arrays with the name of a format, and answers that carry their own backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossbench.floats import decode, encode, format_named
from lossbench.framework import FLOATS, Adapter, Framework, shaped

Gradients = dict[str, "np.ndarray | Tensor | None"]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An array in the storage of the format `dtype`."""

    data: np.ndarray
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.data.shape


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A value, and `pull`, which turns a cotangent of it into one gradient for each argument.

    Value and gradients are plain numbers, rounded to the formats of `dtype` and of each argument when they are
    asked for; a `Tensor` in their place goes out as it is.
    """

    value: np.ndarray
    pull: Callable[[np.ndarray], Gradients]
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        return np.shape(self.value)


def numbers(tensor: Tensor) -> np.ndarray:
    """The tensor's contents as numbers to compute with: 16-bit formats in float32, others as they are."""
    if tensor.dtype == "bfloat16":
        return np.asarray(decode(tensor.data, format_named("bfloat16")), dtype=np.float32)
    return tensor.data.astype(np.float32) if tensor.dtype == "float16" else tensor.data


def rounded(values: Any, dtype: str) -> Tensor:
    """Numbers rounded to the format `dtype`."""
    if dtype == "bfloat16":
        return Tensor(np.asarray(encode(np.asarray(values, dtype=np.float64), format_named(dtype))), dtype)
    return Tensor(np.asarray(values).astype(dtype), dtype)


def reduced(terms: np.ndarray, slopes: Mapping[str, np.ndarray], reduction: str, dtype: str) -> Answer:
    """The answer made of elementwise terms and their slopes, under the reduction none, mean or sum.

    Raises:
        ValueError: another reduction is asked for.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction {reduction!r} is none of 'none', 'mean', 'sum'")
    value = terms if reduction == "none" else np.asarray(terms.mean() if reduction == "mean" else terms.sum())
    share = 1 / np.asarray(terms.size, dtype=terms.dtype) if reduction == "mean" else np.ones((), terms.dtype)
    return Answer(value, lambda cotangent: {name: cotangent * share * slope for name, slope in slopes.items()}, dtype)


class Fakes(Framework):
    """A framework without a framework: numpy alone, on the processor alone."""

    name = "fakes"
    version = np.__version__

    def __init__(self) -> None:
        """Start with an empty table, and nothing that compiling would change."""
        super().__init__()
        self.when_compiled: dict[Adapter, Adapter] = {}

    def modes(self) -> Sequence[str]:
        """Eager, and a compiler that changes what `when_compiled` says and nothing else."""
        return ("eager", "compiled")

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter, or what becomes of it."""
        return adapter if mode == "eager" else self.when_compiled.get(adapter, adapter)

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Name the format of `array`, sharing its memory and strides."""
        return Tensor(array, dtype if dtype in FLOATS else str(array.dtype))

    def array(self, tensor: Tensor | Answer) -> tuple[str, np.ndarray]:
        """The tensor's format and contents."""
        if isinstance(tensor, Answer):  # a value whose gradient nobody asks for
            tensor = rounded(tensor.value, tensor.dtype)
        return tensor.dtype, tensor.data

    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str], cotangent: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Run the call and have its answer pull the cotangent back."""
        answer: Answer = shaped(call(**tensors), cotangent)
        above = np.ones(answer.shape, np.float32) if cotangent is None else numbers(cotangent)
        pulled = answer.pull(above)
        value = answer.value if isinstance(answer.value, Tensor) else rounded(answer.value, answer.dtype)
        return value, {name: _as_tensor(pulled.get(name), tensors[name].dtype) for name in wanted}

    def value(self, call: Adapter, tensors: Mapping[str, Tensor]) -> Tensor:
        """Run the call for its value alone."""
        answer: Answer = call(**tensors)
        return answer.value if isinstance(answer.value, Tensor) else rounded(answer.value, answer.dtype)

    def wait(self) -> None:
        """Nothing is ever pending."""

    def devices(self) -> Sequence[str]:
        """The processor alone."""
        return ("cpu",)


def _as_tensor(gradient: np.ndarray | Tensor | None, dtype: str) -> Tensor | None:
    return gradient if gradient is None or isinstance(gradient, Tensor) else rounded(gradient, dtype)


framework = Fakes()
