"""The classic mistakes: scores squashed twice, a mean over the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.checking.asking import Ask
from lossbench.checking.contract import linked_rows
from lossbench.checking.findings import Checked, Result, Subject
from lossbench.checking.source import TAKES_SCORES, Word

FAR, FARTHER = 50.0, 500.0
FLAT = 1e-6  # relative
LEAST = 1e-3  # of the loss at no opinion, which a certain and right prediction should fall below
SAME = 1e-6


def squashed_twice(subject: Subject) -> Iterator[Checked]:
    """Whether certain predictions, right and wrong, cost what mild ones do: sigmoid or softmax applied twice."""
    taken, check = subject.taken, "squashed once"
    kind = taken.kinds.get(taken.target, "")
    if taken.kinds[taken.prediction] not in ("real", "logits") or kind not in ("binary", "classes", "probabilities"):
        yield subject.told(check, Result.SKIPPED, f"{taken.prediction} holds no scores for a class")
        return
    arrays = taken.draw(dtype="float64")
    right = _right(arrays[taken.target], kind, taken.shape)
    if kind == "probabilities":
        arrays[taken.target] = (right > 0).astype(float)
    levels = (0.0, FAR, FARTHER, -FAR, -FARTHER)
    asks = [Ask({**arrays, taken.prediction: level * right}, "float64") for level in levels]
    said = subject.asking.ask(asks)
    if any(each.failed for each in said) or not all(np.isfinite(each.value).all() for each in said[:2]):
        yield subject.told(check, Result.SKIPPED, "no finite answers to certain predictions")
        return
    none, sure, surer, wrong, wronger = (each.total for each in said)
    flat = abs(sure - surer) <= FLAT * abs(sure) and abs(wrong - wronger) <= FLAT * abs(wrong)
    doubled = not any(linked_rows(subject)) and flat and sure > LEAST * none > 0 and wrong > sure
    source = subject.source
    squashes: list[Word] = source.lines_with("sigmoid$", "softmax$", "^expit$")
    takes = [word for word in source.calls if TAKES_SCORES.search(word.name)]
    lines = source.at([*squashes, *takes])
    if not doubled:
        yield subject.told(check, Result.OK)
        return
    count = next((each.value.size for each in said if each.value.ndim), 1)
    detail = (
        f"a certain and right prediction costs {sure / count:.4g} and a certain and wrong one {wrong / count:.4g}, "
        f"however certain: softmax or sigmoid is applied twice"
    )
    evident = len({(w.line, w.name) for w in [*squashes, *takes]}) > 1
    yield subject.told(
        check, Result.FOUND if evident else Result.NOTE, f"{detail} ({lines})" if lines else f"{detail}?"
    )


def _right(target: np.ndarray, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """1 where the target is, -1 elsewhere."""
    if kind == "classes":
        hot = np.zeros(shape)
        np.put_along_axis(hot, target[..., None], 1.0, axis=-1)
        return 2 * hot - 1
    if kind == "probabilities":
        return np.where(target == target.max(axis=-1, keepdims=True), 1.0, -1.0)
    return 2 * target - 1


def averages(subject: Subject) -> Iterator[Checked]:
    """Whether a mean is one over the batch: what the batch twice over, and each class twice over, makes of it."""
    taken, check = subject.taken, "mean over the right axis"
    arrays = taken.draw(dtype="float64")
    twice = {n: np.concatenate([a, a]) if a.shape[:1] == taken.shape[:1] else a for n, a in arrays.items()}
    once, doubled = subject.asking.ask([Ask(arrays, "float64"), Ask(twice, "float64")])
    if once.failed or doubled.failed or once.value.size == 0:
        yield subject.told(check, Result.SKIPPED, once.failed or doubled.failed)
        return
    over_batch = subject.source.lines_with("over axis 0$")
    if once.value.ndim:
        yield from _unreduced(subject, check, over_batch)
        return
    rows = _ratio(once.total, doubled.total)
    columns = _columns(subject, arrays, once.total)
    linked = any(linked_rows(subject))
    if linked and over_batch:
        detail = f"the loss of one row depends on the others: it runs over the batch ({subject.source.at(over_batch)})"
        yield subject.told(check, Result.FOUND, detail)
    elif rows == "doubles" and columns == "stays":
        detail = (
            "the batch twice over doubles it, each class twice over does not: mean over the classes, sum over the batch"
        )
        yield subject.told(check, Result.FOUND, detail)
    elif rows == "" and not linked:
        detail = (
            f"the batch twice over turns {once.total:.6g} into {doubled.total:.6g}: neither a mean nor a sum over it"
        )
        yield subject.told(check, Result.NOTE, detail)
    elif linked:
        yield subject.told(
            check, Result.NOTE, "the loss of one row depends on the others, as in losses of a whole batch"
        )
    else:
        yield subject.told(check, Result.OK, "sum over the batch" if rows == "doubles" else "mean over the batch")


def _unreduced(subject: Subject, check: str, over_batch: list[Word]) -> Iterator[Checked]:
    if any(linked_rows(subject)):
        where = f" ({subject.source.at(over_batch)})" if over_batch else ""
        result = Result.FOUND if over_batch else Result.NOTE
        yield subject.told(check, result, f"the loss of one row depends on the others: it runs over the batch{where}")
    else:
        yield subject.told(check, Result.OK, "not reduced")


def _ratio(before: float, after: float) -> str:
    for factor, word in ((1.0, "stays"), (2.0, "doubles")):
        if abs(after - factor * before) <= SAME * abs(before):
            return word
    return ""


def _columns(subject: Subject, arrays: dict[str, np.ndarray], before: float) -> str:
    """What becomes of an elementwise loss with each column twice over; empty where rows are one formula."""
    taken = subject.taken
    if any(a.shape != taken.shape for a in arrays.values()) or taken.kinds[taken.prediction] == "logits":
        return ""
    wide = {name: np.concatenate([a, a], axis=-1) for name, a in arrays.items()}
    said = subject.asking.one(Ask(wide, "float64"))
    return "" if said.failed else _ratio(before, said.total)
