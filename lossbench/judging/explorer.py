"""What a hunt asks: fresh inputs of every regime and shape, and changes to the worst inputs so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.stored import Literal
from lossbench.cases.unfolding import fits
from lossbench.floats import FORMATS
from lossbench.judging.moves import nudged, scattered, settings
from lossbench.judging.specimens import spread
from lossbench.loss import Loss, Over
from lossbench.records import Case, Implementation, Option
from lossbench.reductions import BY_WEIGHTS

CLASSES = (2, 3, 5, 10, 17, 64, 100, 257, 513, 1000, 1025, 2053, 4099)
VOCABULARY = 50_257
SHAPES = {
    Over.ELEMENTS: ((2048,), (1023,), (33, 31), (7,), (1,)),
    Over.SAMPLES: ((4, 64), (8, 12), (2, 1025), (3, 5, 5), (1, 3)),
    Over.BATCH: ((8, 8), (6, 5), (1, 5), (33, 3), (2, 2)),
}
NUMBERS = 8192  # in the scores of a case, about
LEAST_SIZE = 64  # terms to which one of the worst is spread out, where they are short
COUNTED = ("weight", "sample_weight", "mask", "ignore_index")  # what a mean divides by follows from these
LEVELS = {"scale": (-6, 17), "shift": (0, 18), "gap": (0, 10)}  # powers of two


class Explorer:
    """The probes of one loss in one format; what it draws follows from the generator it is given."""

    def __init__(self, loss: Loss, dtype: str, implementations: Sequence[Implementation]) -> None:
        """Hold what the implementations offer between them."""
        self.loss, self.dtype, self.form = loss, dtype, FORMATS[dtype]
        self.regimes = [
            name
            for name, regime in REGIMES.items()
            if regime.applies(loss)
            and regime.rows is None
            and not (regime.invalid or regime.must_reject or regime.dangerous or name in ("empty", "column"))
        ]
        self.regimes += [name for name in LEVELS if REGIMES[f"{name}=1"].applies(loss)]
        self.offered = tuple(sorted({name for i in implementations for name in i.parameters}))
        self.arrays = [a.name for a in loss.arguments.values() if a.optional]
        self.arrays = [name for name in self.arrays if any(name in i.arrays for i in implementations)]
        self.needed = {n for i in implementations for n in i.required} & set(self.arrays)
        offered = [{r for r in i.reductions if r in loss.reductions} for i in implementations]
        plain = [r for r in loss.reductions if any(r in some for some in offered)]
        self.plain = "none" if "none" in plain else next(iter(plain), "")
        # one more reduction for each implementation that lacks the plain one
        rest = [next((r for r in plain if r in some), "") for some in offered if self.plain not in some]
        self.reductions = [self.plain, *dict.fromkeys(r for r in rest if r)]
        self.usual = {name: value for i in implementations for name, value in i.defaults}  # of a user's own
        self.always = {name for i in implementations for name in i.required} & set(self.usual)
        self.others = [r for r in plain if r != self.plain]

    def fresh(self, number: int, generator: np.random.Generator) -> Literal | None:
        """Inputs of some regime, or of any bit patterns, by that name; None where these do not go together."""
        given = tuple(sorted(self.needed & {n for n in self.arrays if generator.random() < 0.5}))
        parameters: tuple[tuple[str, Option], ...] = ()
        if generator.random() < 0.6:
            given = tuple(name for name in self.arrays if generator.random() < 0.3)
            parameters = settings(self.loss, {}, self.offered, generator)
        for name, value in self.usual.items():  # as their users call them: at their own defaults
            if name not in dict(parameters) and (name in self.always or number % 2):
                parameters = tuple(sorted((*parameters, (name, value))))
        reduction = self.reductions[number % len(self.reductions)]
        counted = any(name in given or name in dict(parameters) for name in COUNTED)
        others = [r for r in self.others if r not in BY_WEIGHTS or not {"weight", "sample_weight"}.isdisjoint(given)]
        if others and generator.random() < (0.5 if counted else 0.1):
            reduction = others[int(generator.integers(len(others)))]
        regime = self.regimes[(number // len(self.reductions)) % len(self.regimes)]
        if regime in LEVELS:
            regime = f"{regime}={2.0 ** int(generator.integers(*LEVELS[regime])):g}"
        any_bits = generator.random() < 0.4
        shape = self._shape(generator) if reduction == "none" else self._small(generator)
        seed = int(generator.integers(1 << 31))
        case = Case(
            self.loss.name, given, parameters, reduction, self.dtype, shape, "normal" if any_bits else regime, seed
        )
        how = generator.choice(["", "", "", "", "", "", "strided", "transposed"])
        try:
            inputs = build(case, self.loss)
        except (ValueError, ArithmeticError, IndexError, AssertionError):
            return None  # a shape that its regime cannot fill
        arrays = scattered(inputs.arrays, self.loss, self.form, generator) if any_bits else inputs.arrays
        poisoned = tuple(np.flatnonzero(inputs.poisoned).tolist())
        return Literal(
            self.loss.name,
            given,
            parameters,
            reduction,
            self.dtype,
            shape,
            (str(how),) if how else (),
            arrays,
            poisoned,
            slug="bits" if any_bits else regime.partition("=")[0],
        )

    def near(self, one: Literal, by: Implementation, change: bool, generator: np.random.Generator) -> Literal:
        """Inputs around one of the worst; `change` lets the parameters move as well."""
        width = max((a.size for a in one.arrays.values()), default=1)
        count = max(4, min(512, NUMBERS // max(width, 1))) if width < NUMBERS // 4 else 1
        wide = spread(one, self.loss, max(count, LEAST_SIZE) if width == 1 else count)
        parameters = one.parameters
        if change:
            parameters = settings(self.loss, dict(one.parameters), by.parameters, generator)
        poisoned = bool(wide.poisoned) or any(not np.isfinite(a).all() for a in wide.arrays.values())
        first = parameters == one.parameters
        arrays = wide.arrays if poisoned else nudged(wide.arrays, self.loss, self.form, generator, first)
        return replace(wide, parameters=parameters, arrays=arrays)

    def _shape(self, generator: np.random.Generator) -> tuple[int, ...]:
        loss = self.loss
        if loss.small or loss.axes:
            return loss.small or (6, 5)
        if loss.over is Over.ROWS:
            classes = VOCABULARY if generator.random() < 0.02 else int(generator.choice(CLASSES))
            return (max(1, min(64, NUMBERS // classes)), classes)
        return self._fitting(SHAPES[loss.over], generator)

    def _small(self, generator: np.random.Generator) -> tuple[int, ...]:
        """For reductions, where an error of one term may drown among those of the others."""
        loss = self.loss
        if loss.small or loss.axes:
            return loss.small or (6, 5)
        if loss.over is Over.ROWS:
            return (int(generator.choice([1, 2, 7])), int(generator.choice(CLASSES)))
        if loss.over is Over.ELEMENTS:
            return self._fitting(((1,), (3,), (5, 4)), generator)
        return self._fitting(SHAPES[loss.over], generator)

    def _fitting(self, shapes: Sequence[tuple[int, ...]], generator: np.random.Generator) -> tuple[int, ...]:
        able = [shape for shape in shapes if fits(shape, self.loss)] or [(6, 5)]
        return able[int(generator.integers(len(able)))]
