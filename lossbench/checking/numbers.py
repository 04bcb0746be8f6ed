"""Whether value and gradient are numbers, and whether the gradient is the slope of the value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lossbench.checking.asking import Ask, Said, replaced
from lossbench.checking.findings import Checked, Result, Subject, at
from lossbench.floats import FORMATS, round_to

LEVELS = {
    "real": (0.0, 1e-6, 1.0, 10.0, 17.0, 20.0, 30.0, 50.0, 90.0, 100.0, 200.0, 500.0),
    "probability": (0.5, 1e-3, 1 - 1e-3, 1e-7, 1 - 2.0**-24, 1e-12, 1e-30, 0.0, 1.0),
}
STEPS = (2.0**-10, 2.0**-11, 2.0**-12)  # of the differences, relative to 1 or to the input where that is larger
KINK = 1e-4  # differences of these steps that are so far apart, relatively, straddle a kink
SLACK = 64.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An input of one call, and what came of it."""

    what: str
    got: float
    where: str
    level: float


def extremes(subject: Subject) -> list[dict[str, np.ndarray]]:
    """Ordinary inputs with one prediction at each level, with each value the target may have there."""
    taken = subject.taken
    base, kind = taken.draw(), taken.kinds[taken.prediction]
    first = (0,) * len(taken.shape)
    if kind == "probabilities":
        rows = []
        for level in (0.0, 1e-30, 1e-7):
            row = base[taken.prediction].copy()
            row[0] = 0.0
            row[0, ..., :] = level
            row[0, ..., -1] = 1.0
            rows.append(row)
        changed = rows
    else:
        levels = LEVELS.get(kind, LEVELS["real"])
        signed = levels if kind == "probability" else tuple(dict.fromkeys(s * x for x in levels for s in (1.0, -1.0)))
        changed = []
        for level in signed:
            array = base[taken.prediction].copy()
            array[first] = level
            changed.append(array)
    return [
        {**base, taken.prediction: array, **target} for array in changed for target in _targets(subject, base, first)
    ]


def _targets(subject: Subject, base: dict[str, np.ndarray], first: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
    name, kind = subject.taken.target, subject.taken.kinds.get(subject.taken.target, "")
    if kind not in ("binary", "sign", "classes"):
        return [{}]
    values = {"binary": (0.0, 1.0), "sign": (-1.0, 1.0), "classes": (0, subject.taken.shape[-1] - 1)}[kind]
    changed = []
    for value in values:
        array = base[name].copy()
        array[first if kind != "classes" else first[:-1]] = value
        changed.append({name: array})
    return changed


def finite(subject: Subject) -> Iterator[Checked]:
    """Where inputs are finite, value and gradients are; in each format as far as it reaches."""
    cases = extremes(subject)
    failures: dict[str, list[Failure]] = {}
    double = _asked(subject, cases, "float64")
    failures["float64"] = _not_finite(subject, cases, double, None, "float64")
    for dtype in ("float32", "float16", "bfloat16"):
        form = FORMATS[dtype]
        rounded = [
            {n: a if a.dtype.kind == "i" else np.asarray(round_to(a, form)) for n, a in c.items()} for c in cases
        ]
        exact = _asked(subject, rounded, "float64")
        said = _asked(subject, rounded, dtype)
        if all(each.failed for each in said):
            continue
        failures[dtype] = _not_finite(subject, rounded, said, exact, dtype)
    for dtype, found in failures.items():
        if not found:
            yield subject.told("finite", Result.OK, f"{len(cases)} inputs", dtype)
            continue
        nearest = min(found, key=lambda failure: abs(failure.level))
        detail = f"{nearest.what} is {nearest.got:g} at {nearest.where}; {len(found)} of {len(cases)} inputs"
        yield subject.told("finite", Result.FOUND, f"{detail}{_cause(subject, dtype, failures)}", dtype)


def _cause(subject: Subject, dtype: str, failures: dict[str, list[Failure]]) -> str:
    """The classic mistake behind it, where the code shows one."""
    source = subject.source
    form = FORMATS[dtype]
    if dtype != "float64" and not failures["float64"]:
        lost = [word for number, word in source.numbers if 0 < number < form.eps / 4]
        if lost:
            gone = f"a guard that vanishes in {dtype}: next to 1 it is lost below {form.eps / 4:.2g}"
            return f" ({gone}; {source.at(lost)})"
    logs = source.lines_with(r"^log$", r"^log2$", r"^log1p$", r"^log_$")
    if logs:
        return f" (log without a guard that holds; {source.at(logs)})"
    others = source.lines_with(r"^exp$", r"^sqrt$", r"^pow$", r"^norm$", r"^acos$", r"^arccos$")
    return f" ({source.at(others)})" if others else ""


def _asked(subject: Subject, cases: list[dict[str, np.ndarray]], dtype: str) -> list[Said]:
    return subject.asking.ask([Ask(case, dtype, subject.taken.learned) for case in cases])


def _not_finite(
    subject: Subject, cases: list[dict[str, np.ndarray]], said: list[Said], exact: list[Said] | None, dtype: str
) -> list[Failure]:
    taken, largest = subject.taken, FORMATS[dtype].largest
    found = []
    for number, (case, got) in enumerate(zip(cases, said, strict=True)):
        if got.failed:
            continue
        want = exact[number] if exact is not None else None
        parts = [("value", got.value, want.value if want else None)]
        parts += [(f"gradient of {n}", g, want.gradients.get(n) if want else None) for n, g in got.gradients.items()]
        for what, array, right in parts:
            bad = ~np.isfinite(array)
            if right is not None and right.shape == array.shape:
                # beyond the format infinity is the right answer, and a sum on the way to a mean may be that, too
                whole = taken.shape if right.ndim == 0 else (1,)
                bad &= ~(np.abs(right) * np.prod(whole) >= largest)
            if bad.any():
                index = tuple(int(i) for i in np.argwhere(bad)[0])
                first = (0,) * len(taken.shape)
                level = float(case[taken.prediction][first])
                where = f"{taken.prediction}={level:.9g}"
                if taken.target:
                    target = case[taken.target]
                    where += f", {taken.target}={float(target[first[: target.ndim]]):g}"
                found.append(Failure(at(what, index), float(array[index]), where, level))
                break
    return found


def gradient(subject: Subject) -> Iterator[Checked]:
    """Gradients in float64 against differences of the function's own values, extrapolated to steps of no size."""
    checked = kinks = 0
    worst, told = 0.0, ""
    for seed, scale in ((0, 1.0), (1, 6.0), (2, 0.05)):
        arrays = subject.taken.draw(seed, scale, "float64")
        here = subject.asking.one(Ask(arrays, "float64", subject.taken.learned))
        if here.failed or not here.finite:
            continue
        for name, slopes in here.gradients.items():
            differences, doubt, size = _differences(subject, arrays, name)
            eps = FORMATS[here.dtype].eps if here.dtype in FORMATS else 2.0**-52  # whatever it computes in
            noise = eps * size / STEPS[-1]
            with np.errstate(all="ignore"):
                reach = np.maximum(np.abs(differences), np.abs(slopes))
                smooth = np.isfinite(differences) & (doubt <= KINK * reach + SLACK * noise)
                room = SLACK * (doubt + noise) + 1e-6 * reach
                far = np.where(smooth, np.abs(differences - slopes) / room, 0.0)
            checked, kinks = checked + int(smooth.sum()), kinks + int((~smooth).sum())
            index = tuple(int(i) for i in np.unravel_index(int(np.argmax(far)), far.shape))
            if far[index] > max(worst, 1.0):
                worst = float(far[index])
                told = (
                    f"{at(f'gradient of {name}', index)}: {slopes[index]:.9g}, by differences {differences[index]:.9g}"
                )
    if worst > 1:
        cut = subject.source.lines_with("detach", "stop_gradient", "no_grad", "round$", "argmax")
        why = f" (cut off in {subject.source.at(cut)})" if cut else ""
        yield subject.told("gradient is the slope", Result.FOUND, told + why, "float64")
    elif checked:
        left = f", {kinks} at kinks left out" if kinks else ""
        yield subject.told("gradient is the slope", Result.OK, f"{checked} components{left}", "float64")
    else:
        yield subject.told("gradient is the slope", Result.SKIPPED, "no finite gradient in float64", "float64")


def _differences(
    subject: Subject, arrays: dict[str, np.ndarray], name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The slope of the sum by each number of one argument, the doubt that is left, and the size of what it is of."""
    base, plain = arrays[name], Ask(arrays, "float64")
    indices: list[tuple[int, ...]] = list(np.ndindex(*base.shape))
    asks = []
    for index in indices:
        for step in STEPS:
            for sign in (1.0, -1.0):
                moved = base.copy()
                moved[index] = base[index] + sign * step * max(1.0, abs(float(base[index])))
                asks.append(replaced(plain, name, moved))
    said = iter(subject.asking.ask(asks))
    slopes, doubt, size = np.zeros(base.shape), np.zeros(base.shape), np.zeros(base.shape)
    for index in indices:
        centred = []
        for step in STEPS:
            up, down = next(said), next(said)
            if up.failed or down.failed or up.value.shape != down.value.shape:
                centred.append(np.nan)
                continue
            with np.errstate(all="ignore"):
                # in two steps, as the inputs that were asked for are rounded
                wide = 2 * step * max(1.0, abs(float(base[index])))
                centred.append(float(np.sum(up.value - down.value)) / wide)
                size[index] = max(size[index], float(np.abs(up.value).sum()))
        first = [(4 * fine - rough) / 3 for rough, fine in pairwise(centred)]
        slopes[index] = (16 * first[1] - first[0]) / 15
        doubt[index] = max(abs(first[1] - first[0]), abs(slopes[index] - first[1]))
    return slopes, doubt, size
