"""What is asked of a framework: five short methods and a table of adapters.

A module ``lossbench.frameworks.<name>`` exposes one object called ``framework``. This file runs in the worker and
imports nothing of the judge's side: a worker is never told the expected answer.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lossbench.gauges import Gauge, ProcessorGauge, threads_allowed
from lossbench.packages import Package
from lossbench.records import Implementation, Known

Tensor = Any
Adapter = Callable[..., Tensor]
Timed = Callable[[], tuple[Tensor, Sequence[Tensor | None]]]

FLOATS = ("float64", "float32", "float16", "bfloat16")


class OtherShapeError(Exception):
    """The value has another shape than the cotangent meant for it."""


def load_modules(package: str, folders: Iterable[str]) -> None:
    """Import every module of a framework's folder: each enters its adapters into the table by being imported."""
    for module in pkgutil.iter_modules(folders):
        importlib.import_module(f"{package}.{module.name}")


class Framework(ABC):
    """A framework's arithmetic, seen through five methods, and its table of implementations."""

    name: str
    version: str

    def __init__(self) -> None:
        """Start with an empty table."""
        self.table: dict[str, tuple[Implementation, Adapter]] = {}
        self.packages: dict[str, Package] = {}  # those that adapters are written for, installed or not
        self.device = "cpu"
        self.own: tuple[str, ...] = ()  # where a guest's own lines stand, see `lossbench.hosting`
        self.remark: Callable[[], str] = str  # something to be said beside a guest's every answer

    @abstractmethod
    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Place `array` on the device: floats in the format `dtype` (bfloat16 comes as uint16 bits), integers as is.

        The array may be strided; keep its strides where the framework can. A differentiable tensor is a fresh leaf.
        """

    @abstractmethod
    def array(self, tensor: Tensor) -> tuple[str, np.ndarray]:
        """Bring a tensor back: the name of its format, and its contents (bfloat16 as uint16 bits)."""

    @abstractmethod
    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str], cotangent: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Run ``call(**tensors)`` and backpropagate `cotangent` (None: ones) to the `wanted` tensors.

        `call` is a `functools.partial` of an adapter. None marks a gradient that is not given.

        Raises:
            OtherShapeError: the value has not the shape of the cotangent (see `shaped`).
        """

    def value(self, call: Adapter, tensors: Mapping[str, Tensor]) -> Tensor:
        """Run ``call(**tensors)`` as its users run it where no gradient is wanted."""
        return call(**tensors)

    def timed(self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Timed:
        """What is timed: the call, forward alone where nothing is wanted, with as little as can be around it.

        It gives the value, and the wanted gradients in their order.
        """
        if not wanted:
            return lambda: (self.value(call, tensors), ())

        def run() -> tuple[Tensor, Sequence[Tensor | None]]:
            value, gradients = self.value_and_gradients(call, tensors, wanted, None)
            return value, tuple(gradients.values())

        return run

    @abstractmethod
    def wait(self) -> None:
        """Return once all the work handed to the device is done."""

    @abstractmethod
    def devices(self) -> Sequence[str]:
        """The devices this build can use now: ``cpu``, and ``cuda`` where there is one."""

    def modes(self) -> Sequence[str]:
        """The ways it can run an adapter: ``eager``, ``compiled`` and what else the framework has."""
        return ("eager",)

    def mode_lacks(self, mode: str) -> str:
        """What this machine lacks for one of `modes`; empty where it lacks nothing."""
        return ""

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter as users of this mode run it."""
        return adapter

    def gauge(self) -> Gauge:
        """What time and memory are measured with on the framework's device."""
        return ProcessorGauge(self.wait, threads_allowed())

    def built_for_cuda(self) -> bool:
        """Whether this build could use a graphics card if the machine had one."""
        return False

    def device_name(self) -> str:
        """What the device calls itself."""
        return self.device

    def implements(
        self,
        loss: str = "",
        *,
        via: str,
        reductions: Sequence[str] | Mapping[str, str | None] = ("none", "mean", "sum"),
        dtypes: Sequence[str] = FLOATS,
        integers: Sequence[str] = ("int64",),
        devices: Sequence[str] = ("cpu", "cuda"),
        known: Sequence[Known] = (),
        recipe: bool = False,
        package: Package | None = None,
    ) -> Callable[[Adapter], Adapter]:
        """Enter an adapter into the table.

        The adapter's positional arguments are the arrays it takes, by the loss's own names; its keyword-only ones
        are the parameters it offers (a parameter the case leaves at the loss's default may be passed or not, so
        give each the loss's default). A case that sets one that is missing is `absent` for this implementation; an
        array argument without a default must be given by the case. `reductions` lists canonical names, or maps them
        to the framework's own words, which the adapter then receives as `reduction`. `integers` are the formats in
        which it takes class indices, labels and lengths. On a device that is not among `devices` it is `absent`,
        and so it is where its `package` is not installed.

        Raises:
            ValueError: the same loss and public name are entered twice.
        """

        def enter(adapter: Adapter) -> Adapter:
            parameters = inspect.signature(adapter).parameters.values()
            implementation = Implementation(
                loss=loss or adapter.__name__,
                via=via,
                arrays=tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
                required=tuple(
                    p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty
                ),
                parameters=tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "reduction"),
                reductions=tuple(reductions),
                dtypes=tuple(dtypes),
                integers=tuple(integers),
                devices=tuple(devices),
                known=tuple(known),
                recipe=recipe,
                call=source_of(adapter),
                home=(adapter.__code__.co_filename, adapter.__name__),
                words=tuple(reductions.items()) if isinstance(reductions, Mapping) else (),
                package=package.name if package else "",
            )
            if implementation.key in self.table:
                raise ValueError(f"{self.name}: {implementation.key} is entered twice; give each its own via")
            if package:
                self.packages[package.name] = package
                package.used_in(adapter.__globals__)
            words = reductions if isinstance(reductions, Mapping) else None
            self.table[implementation.key] = (implementation, translated(adapter, words) if words else adapter)
            return adapter

        return enter


def shaped(value: Tensor, cotangent: Tensor | None) -> Tensor:
    """The value, if the cotangent has its shape.

    Raises:
        OtherShapeError: it has another.
    """
    if cotangent is not None and tuple(value.shape) != tuple(cotangent.shape):
        raise OtherShapeError(f"value of shape {tuple(value.shape)}, cotangent of {tuple(cotangent.shape)}")
    return value


def translated(adapter: Adapter, words: Mapping[str, str | None]) -> Adapter:
    """The adapter, given the framework's own word for a canonical reduction."""

    @functools.wraps(adapter)
    def call(*arrays: Tensor, reduction: str, **parameters: Any) -> Tensor:
        return adapter(*arrays, reduction=words[reduction], **parameters)

    return call


def source_of(adapter: Adapter) -> str:
    """The adapter's body as written, without decorator and signature; empty where Python cannot tell."""
    try:
        lines = textwrap.dedent(inspect.getsource(adapter)).splitlines()
    except (OSError, TypeError):
        return ""
    start = next((i for i, line in enumerate(lines) if line.startswith("def ")), 0)
    while start < len(lines) and not lines[start].rstrip().endswith(":"):
        start += 1
    return textwrap.dedent("\n".join(lines[start + 1 :]))
