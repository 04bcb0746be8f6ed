"""What every loss owes whatever its formula: formats, shapes, one answer, inputs and neighbours untouched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lossbench.check_forms import COMPILED, OTHER, PLAIN, SAVED
from lossbench.checking.asking import Ask
from lossbench.checking.findings import Checked, Result, Subject, at, widths, worst_of
from lossbench.floats import FORMATS
from lossbench.judging.judge import SCALE_LIMITS
from lossbench.records import LAYOUTS, Symptom

WIDE = ("float64", "float32")


def formats_and_shapes(subject: Subject) -> Iterator[Checked]:
    """The format of the inputs comes back, in one of the shapes a loss may have, with a gradient."""
    taken = subject.taken
    allowed = {(): "a number", taken.shape: "one for each element", taken.shape[:-1]: "one for each row"}
    allowed[taken.shape[:1]] = "one for each sample"
    for dtype in FORMATS:
        said = subject.asking.one(Ask(taken.draw(dtype=dtype), dtype, taken.learned))
        if said.failed:
            result = Result.FOUND if dtype in WIDE else Result.NOTE
            yield subject.told("formats", result, f"refuses {dtype}: {said.failed}", dtype)
            continue
        others = sorted({said.dtype, *said.gradient_dtypes} - {dtype})
        if others:
            detail = f"{dtype} in, {' and '.join(others)} out: a cast, or a constant of that format"
            keras = subject.source.is_class and subject.source.framework == "tensorflow"
            if keras and others == ["float32"]:
                detail = "Keras computes its losses in float32 unless dtype= is given to them"
            yield subject.told("formats", Result.NOTE if keras else Result.FOUND, detail, dtype)
        else:
            yield subject.told("formats", Result.OK, "", dtype)
        if dtype != "float32":
            continue
        shape = said.value.shape
        if shape in allowed:
            yield subject.told("shape", Result.OK, allowed[shape])
        else:
            detail = (
                f"inputs of shape {taken.shape} give {shape}; a number, or one for each row or element, was expected"
            )
            if shape in (taken.shape[1:], taken.shape[-1:]):
                detail += ": the mean or sum runs over the batch and keeps the classes, the wrong axis"
            yield subject.told("shape", Result.FOUND, detail)
        missing = [name for name in taken.learned if name not in said.gradients]
        if missing:
            yield subject.told("gradient flows", Result.FOUND, f"no gradient to {', '.join(missing)}")


def steadiness(subject: Subject) -> Iterator[Checked]:
    """The same question has the same answer, whatever the layout in memory, and leaves its inputs as they were."""
    taken = subject.taken
    ask = Ask(taken.draw(), "float32", taken.learned, repeat=True)
    plain, *turned = subject.asking.ask([ask, *(replace(ask, layout=word) for word in LAYOUTS)])
    for check, symptom in (
        ("deterministic", Symptom.NONDETERMINISTIC),
        ("inputs untouched", Symptom.WROTE_INTO_INPUT),
    ):
        shown = str(symptom) in plain.notes
        detail = {True: f"{symptom}: the same call twice, and something else came of it"}.get(shown, "")
        if shown and symptom is Symptom.WROTE_INTO_INPUT:
            lines = subject.source.lines_with(r"[^_]_$")
            detail = f"{symptom}: it changes a tensor that belongs to the caller ({subject.source.at(lines)})"
        yield subject.told(check, Result.FOUND if shown else Result.OK, detail)
    for word, said in zip(LAYOUTS, turned, strict=True):
        if said.failed:
            yield subject.told("layouts", Result.FOUND, f"refuses {word} inputs: {said.failed}")
            continue
        far = max(
            [
                worst_of(said.value, plain.value, _unit(plain.value))[0]
                if said.value.shape == plain.value.shape
                else np.inf
            ]
            + [worst_of(said.gradients[n], g, _unit(g))[0] for n, g in plain.gradients.items() if n in said.gradients]
        )
        differs = not far <= SCALE_LIMITS["float32"]
        yield subject.told(
            "layouts", Result.FOUND if differs else Result.OK, f"{word} inputs give another answer" if differs else ""
        )


def _unit(array: np.ndarray) -> np.ndarray:
    """A float32 rounding of the largest number of its row."""
    sizes = np.abs(array)
    sizes = sizes.max(axis=-1, keepdims=True) * np.ones(array.shape) if array.ndim > 1 else sizes
    return np.asarray(FORMATS["float32"].eps * np.maximum(sizes, FORMATS["float32"].smallest_normal))


def poison(subject: Subject) -> Iterator[Checked]:
    """NaN in one row shows in that row, and nowhere else."""
    taken = subject.taken
    arrays = taken.draw()
    poisoned = dict(arrays)
    poisoned[taken.prediction] = arrays[taken.prediction].copy()
    poisoned[taken.prediction][0, ...] = np.nan
    before, after = subject.asking.ask([Ask(each, "float32", taken.learned) for each in (arrays, poisoned)])
    if after.failed:
        yield subject.told("poison stays", Result.OK, f"refuses NaN: {after.failed}")
        return
    if not np.isnan(after.value).any():
        yield subject.told("poison stays", Result.FOUND, "NaN in the input, and a number comes back: it is swallowed")
        return
    rows = taken.shape[0]
    details = []
    if after.value.shape[:1] == (rows,) and np.isnan(after.value[1:]).any():
        details.append(f"NaN in row 0 makes the loss of row {1 + int(np.argmax(_rows(after.value[1:])))} NaN")
    for name, gradient in after.gradients.items():
        if np.isnan(gradient[1:]).any() and not np.isnan(before.gradients[name][1:]).any():
            details.append(
                f"NaN in row 0 makes the gradient of {at(name, (1 + int(np.argmax(_rows(gradient[1:]))),))} NaN"
            )
    linked = any(linked_rows(subject))
    if details and linked:
        yield subject.told("poison stays", Result.NOTE, f"{details[0]}, as all rows are one formula")
    else:
        yield subject.told("poison stays", Result.FOUND if details else Result.OK, "; ".join(details))


def _rows(array: np.ndarray) -> np.ndarray:
    return np.asarray(np.isnan(array).reshape(len(array), -1).any(axis=1))


def linked_rows(subject: Subject) -> Iterator[str]:
    """Whether the loss of one row depends on another: what is added up otherwise moves by the same amount."""
    taken = subject.taken
    one, other = taken.draw(), taken.draw(seed=1)
    asks = []
    for rows in ((), (0,), (1,), (0, 1)):
        mixed = one[taken.prediction].copy()
        for row in rows:
            mixed[row] = other[taken.prediction][row]
        asks.append(Ask({**one, taken.prediction: mixed}, "float64"))
    said = subject.asking.ask(asks)
    if any(each.failed for each in said):
        return
    base, first, second, both = (each.total for each in said)
    size = max(abs(each.total) for each in said)
    excess = abs(both - first - second + base)
    if excess > 1e-6 * max(abs(first - base), abs(second - base)) and excess > 2.0**-44 * size:
        yield "the loss of one row depends on the others"


def precision(subject: Subject) -> Iterator[Checked]:
    """What float32 gives is what float64 gives, but for rounding."""
    taken, form = subject.taken, FORMATS["float32"]
    worst, told = 0.0, ""
    for scale in (1.0, 10.0, 0.01):
        arrays = taken.draw(scale=scale)
        exact = widths(subject, arrays)
        rough = subject.asking.one(Ask(arrays, "float32", taken.learned))
        if exact.said.failed or rough.failed or rough.value.shape != exact.said.value.shape:
            continue
        pairs = [("value", rough.value, exact.said.value, exact.value)]
        pairs += [
            (f"gradient of {name}", rough.gradients[name], exact.said.gradients[name], size)
            for name, size in exact.gradients.items()
            if name in rough.gradients
        ]
        for name, got, want, size in pairs:
            inside = np.isfinite(want) & (np.abs(want) < form.largest)
            unit = form.eps * np.maximum(size, form.smallest_normal)
            far, index = worst_of(np.where(inside, got, 0.0), np.where(inside, want, 0.0), unit)
            if far > worst:
                worst = far
                figures = f"float32 {float(got[index]):.9g}, float64 {float(want[index]):.9g}"
                told = f"{at(name, index)} at scale {scale:g}: {figures}"
    limit = SCALE_LIMITS["float32"]
    if worst > limit:
        yield subject.told("float32 as float64", Result.FOUND, f"{told}, {worst:.3g} eps apart (limit {limit:g})")
    else:
        yield subject.told("float32 as float64", Result.OK, f"within {worst:.2g} eps")


def other_forms(subject: Subject) -> Iterator[Checked]:
    """Compiled, and saved and loaded, it gives the same."""
    taken = subject.taken
    ask = Ask(taken.draw(), "float32", taken.learned)
    if subject.source.is_class:
        before, after = subject.asking.ask([replace(ask, form=OTHER), replace(ask, form=SAVED)])
        if after.failed and not before.failed:
            yield subject.told("saved and loaded", Result.FOUND, f"cannot be: {after.failed}")
        else:
            same = np.array_equal(before.value, after.value, equal_nan=True)
            forgets = (
                "" if same else f"gives {_brief(after.value)} instead of {_brief(before.value)}: a setting is forgotten"
            )
            yield subject.told("saved and loaded", Result.OK if same else Result.FOUND, forgets)
    if not subject.compiled:
        yield subject.told("compiled", Result.SKIPPED, "--no-compiled")
        return
    exact = widths(subject, ask.arrays)  # type: ignore[arg-type]
    plain, fast = subject.asking.ask([replace(ask, form=PLAIN), replace(ask, form=COMPILED)])
    if fast.failed:
        yield subject.told("compiled", Result.FOUND, f"cannot be compiled: {fast.failed}")
        return
    form = FORMATS["float32"]
    if fast.value.shape != plain.value.shape:
        yield subject.told(
            "compiled", Result.FOUND, f"gives the shape {fast.value.shape} instead of {plain.value.shape}"
        )
        return
    far = [worst_of(fast.value, plain.value, form.eps * np.maximum(exact.value, form.smallest_normal))[0]]
    for name, gradient in plain.gradients.items():
        unit = form.eps * np.maximum(exact.gradients[name], form.smallest_normal)
        far.append(worst_of(fast.gradients.get(name, np.full(gradient.shape, np.nan)), gradient, unit)[0])
    differs = max(far) > SCALE_LIMITS["float32"]
    detail = f"{max(far):.3g} eps from what it gives uncompiled" if differs else f"within {max(far):.2g} eps"
    yield subject.told("compiled", Result.FOUND if differs else Result.OK, detail)


def _brief(array: np.ndarray) -> str:
    return f"{float(array.flat[0]):.6g}" if array.size else "nothing"
