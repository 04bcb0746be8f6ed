"""What a user's function takes: guessed from names and code, confirmed by calling it, or told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lossbench.checking.asking import Ask, Asking, Said
from lossbench.checking.source import Source
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, round_to
from lossbench.records import Ended

KINDS = {
    "real": "any number",
    "logits": "scores, any number, a row along the last axis",
    "probability": "numbers between 0 and 1",
    "probabilities": "rows that add up to 1",
    "binary": "0 or 1",
    "sign": "-1 or 1",
    "classes": "the index of a class for each row",
    "weight": "numbers of 0 or more",
}
TARGETS = {
    "target",
    "targets",
    "label",
    "labels",
    "y",
    "y_true",
    "gt",
    "truth",
    "true",
    "t",
    "ground_truth",
    "tgt",
    "actual",
}
WEIGHTS = {"weight", "weights", "mask", "sample_weight", "w"}
PREDICTIONS = ("real", "logits", "probability", "probabilities")
TWO_THIRDS = 2 / 3


@dataclass(frozen=True, slots=True)
class Taken:
    """The arguments of a user's function, what each may hold, and in which shape."""

    kinds: Mapping[str, str]
    shape: tuple[int, ...]
    prediction: str  # the argument that a model's output feeds
    target: str  # what it is held against; empty where there is none
    found: str = ""  # how it was found out

    @property
    def learned(self) -> tuple[str, ...]:
        """The arguments a gradient is asked by."""
        return tuple(n for n, kind in self.kinds.items() if kind in PREDICTIONS and n != self.target)

    def draw(self, seed: int = 0, scale: float = 1.0, dtype: str = "float32") -> dict[str, np.ndarray]:
        """An everyday draw of all arguments, numbers of the format `dtype`."""
        generator = np.random.default_rng(seed)
        form = FORMATS[dtype]
        drawn = {name: _draw(kind, self.shape, generator, scale) for name, kind in self.kinds.items()}
        return {name: a if a.dtype.kind == "i" else np.asarray(round_to(a, form)) for name, a in drawn.items()}

    def said(self) -> str:
        """For the head of the table."""
        return ", ".join(f"{name}: {kind}" for name, kind in self.kinds.items())


def _draw(kind: str, shape: tuple[int, ...], generator: np.random.Generator, scale: float) -> np.ndarray:
    if kind == "classes":
        return generator.integers(0, shape[-1], shape[:-1])
    if kind == "binary":
        return generator.integers(0, 2, shape).astype(float)
    if kind == "sign":
        return generator.choice([-1.0, 1.0], shape)
    if kind == "weight":
        return generator.uniform(0.25, 2.0, shape)
    if kind == "probability":
        return np.asarray(0.5 + (generator.uniform(0.02, 0.98, shape) - 0.5) * min(scale, 1.0))
    if kind == "probabilities":
        rows = np.exp(generator.normal(size=shape))
        return np.asarray(rows / rows.sum(axis=-1, keepdims=True))
    return np.asarray(generator.normal(size=shape) * scale)


def find(
    asking: Asking, source: Source, names: Sequence[str], told: Mapping[str, str], shape: tuple[int, ...]
) -> tuple[Taken, Said]:
    """What the function takes, and what it made of an everyday draw.

    Raises:
        UsageError: it takes nothing that was tried; the message has its own error and line.
    """
    for name, kind in told.items():
        if name not in names:
            raise UsageError(f"--input {name}={kind}: it has no argument {name!r}; it takes {', '.join(names)}")
        if kind not in KINDS:
            kinds = "; ".join(f"{word} ({meaning})" for word, meaning in KINDS.items())
            raise UsageError(f"--input {name}={kind}: a kind may be {kinds}")
    failures: dict[str, None] = {}
    unpleasant: tuple[Taken, Said] | None = None
    for taken in _candidates(source, names, told, shape):
        said = asking.one(Ask(taken.draw(), "float32", taken.learned))
        if said.ended in (Ended.DIED, Ended.HUNG):
            return taken, said  # whatever it is given next, that is what must be told
        if said.failed:
            failures[f"{taken.said()}: {said.failed}"] = None
        elif said.finite and said.value.size:
            return taken, said
        elif unpleasant is None:
            unpleasant = taken, said
    if unpleasant is not None:
        return unpleasant
    told_so = "; ".join(list(failures)[:2])
    raise UsageError(
        f"{source.spec} could not be called on {'x'.join(map(str, shape))}: {told_so}; "
        "say what it takes by --input NAME=KIND (such as --input target=classes), --set NAME=VALUE or --shape"
    )


def roles(names: Sequence[str]) -> tuple[str, str, list[str]]:
    """Which argument is the prediction, which the target, and which are weights."""
    weights = [name for name in names if name.lower() in WEIGHTS]
    rest = [name for name in names if name not in weights]
    target = next((name for name in rest if name.lower() in TARGETS), "")
    if not target and len(rest) > 1:
        target = next((n for n in rest if set(n.lower().split("_")) & TARGETS), rest[1])
    prediction = next((name for name in rest if name != target), target)
    return prediction, target if target != prediction else "", weights


def _candidates(
    source: Source, names: Sequence[str], told: Mapping[str, str], shape: tuple[int, ...]
) -> Iterator[Taken]:
    prediction, target, weights = roles(names)
    by_class = source.lines_with(
        "gather", "one_hot", "^cross_entropy$", "CrossEntropyLoss", "nll_loss", "sparse", "take_along", "integer_labels"
    )
    rows = source.lines_with("softmax")
    squashed = source.lines_with(
        "sigmoid", "^exp$", "softmax", "logits", "logsumexp", "softplus", "^cross_entropy$", "BCEWith"
    )
    logs = source.lines_with(r"^log$", r"^log2$", "binary_cross_entropy$", "BCELoss", "binary_crossentropy")
    says = prediction.lower()
    if says in ("p", "prob", "probs") or "prob" in says or (logs and not squashed and "logit" not in says):
        held = ["probability", "probabilities", "real"]
    elif rows or by_class or says == "logits":
        held = ["logits", "probabilities"]
    else:
        held = ["real", "probability"]
    binary = source.lines_with("sigmoid", "binary", "BCE", "softplus") or logs
    signs = source.lines_with("hinge", "margin") or "hinge" in source.name.lower()
    order = ["real", "binary", "classes", "sign"]
    if by_class:
        order = ["classes", "binary", "probabilities", "real"]
    elif signs:
        order = ["sign", "binary", "classes"]
    elif rows:
        order = ["probabilities", "classes", "binary"]
    elif binary:
        order = ["binary", "real", "classes"]
    for one in [told[target]] if target in told else order if target else [""]:
        for other in [told[prediction]] if prediction in told else held:
            kinds = {n: told.get(n, "weight" if n in weights else "real") for n in names} | {prediction: other}
            if target:
                kinds[target] = one
            yield Taken(kinds, shape, prediction, target)
