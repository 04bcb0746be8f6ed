"""The closed forms of cross entropy and its relatives, of metric learning and of CTC, against certified definitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls

from lossbench.domains import Kind
from lossbench.loss import Loss, Over, Terms
from lossbench.losses import catalogue
from lossbench.reference.balls import Undefined
from lossbench.reference.certify import Certified, certify

EPS = 2.0**-52
LIMIT = 8  # eps by scale
SMALLEST_NORMAL = 2.2250738585072014e-308

NAMES = (
    "cross_entropy",
    "soft_cross_entropy",
    "cls_loss",
    "nll",
    "multilabel_soft_margin",
    "hinge_embedding",
    "cosine_embedding",
    "triplet_margin",
    "ctc",
)
# beside the values the losses declare: those that make rare branches meet
MORE: dict[str, list[dict[str, Any]]] = {
    "cross_entropy": [{"ignore_index": 1, "label_smoothing": 0.125}, {"label_smoothing": 1.0}],
    "cosine_embedding": [{"epsilon": 0.5}, {"epsilon": 1e-12}, {"margin": -0.25, "epsilon": 1e-12}],
    "triplet_margin": [{"p": 1.5, "swap": True}, {"p": math.inf, "swap": True}, {"epsilon": 0.0, "margin": 0.0}],
    "ctc": [{"blank": 2}],
}
SHAPES = {Over.ELEMENTS: [(7,), (2, 3)], Over.ROWS: [(6, 5), (2, 3, 4), (3, 1)], Over.SAMPLES: [(4, 9, 4), (3, 2, 3)]}

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SEASONS: dict[str, Draw] = {
    "ordinary": lambda g, shape: 2 * g.normal(size=shape),
    "log-uniform": lambda g, shape: g.choice([-1.0, 1.0], shape) * 10.0 ** g.uniform(-12, 12, shape),
    "extreme": lambda g, shape: g.choice([-1.0, 1.0], shape) * 10.0 ** g.uniform(-300, 300, shape),
    "saturated": lambda g, shape: g.choice([0.0, 20.0, 40.0, 200.0, 1e4], shape) + g.normal(size=shape),
    "close": lambda g, shape: 1 + g.normal(size=shape) * 10.0 ** g.uniform(-16, -8, shape),
    "ties": lambda g, shape: g.integers(-1, 2, shape) / 2,
    "zeros": lambda g, shape: np.zeros(shape),
    "ones": lambda g, shape: np.ones(shape),
}


def draw(loss: Loss, season: str, shape: tuple[int, ...], parameters: dict[str, Any], weighted: bool) -> dict[str, Any]:
    """Arrays for every argument: scores by the season, the rest as its domain has it."""
    generator = np.random.default_rng([*map(ord, loss.name + season), *shape, len(repr(parameters))])
    arrays = loss.drawn_by(generator, shape, **parameters) if loss.drawn_by else {}
    for name, argument in loss.arguments.items():
        size = loss.argument_shape(name, shape)
        kind = argument.domain.kind
        if name in arrays or name in loss.alone or (argument.optional and not weighted):
            continue
        if kind is Kind.CLASS_INDEX:
            arrays[name] = generator.integers(0, shape[-1], size)
        elif kind is Kind.WEIGHT:
            arrays[name] = generator.choice([0.0, 0.3, 1.0, 7.0], size)
        elif kind is Kind.SIGN:
            arrays[name] = generator.choice([-1.0, 1.0], size)
        elif kind is Kind.BINARY:
            arrays[name] = generator.choice([0.0, 1.0, 0.3, 1e-20], size)
        elif kind is Kind.PROBABILITIES:
            rows = generator.dirichlet(np.full(size[-1], 0.3), size[:-1])
            arrays[name] = np.where(generator.random(size[:-1])[..., None] < 0.3, np.round(rows), rows)
        elif kind is Kind.LOG_PROBABILITIES:
            arrays[name] = -np.abs(SEASONS[season](generator, size))
        else:
            arrays[name] = SEASONS[season](generator, size)
    return arrays


def settings(loss: Loss) -> Iterator[dict[str, Any]]:
    """The default parameters, each value of `also` alone, and what `MORE` adds."""
    default = loss.settings()
    yield default
    for name, values in loss.also.items():
        for value in values:
            yield default | {name: value}
    for more in MORE.get(loss.name, []):
        yield default | more


def proof(loss: Loss, arrays: dict[str, Any], parameters: dict[str, Any], index: tuple[int, ...]) -> Certified:
    """The definition's value and gradient for one term."""
    assert loss.textbook is not None
    parts = [loss.slice_of(name, arrays[name], index) if name in arrays else None for name in loss.arguments]
    active = [argument.domain.differentiable for argument in loss.arguments.values()]
    return certify(loss.textbook, parts, active, parameters)


def error(got: np.ndarray, want: np.ndarray, scale: float) -> float:
    """The largest deviation in eps of the scale; infinity where one side is not finite and the other differs."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    if not np.array_equal(got[~np.isfinite(want)], want[~np.isfinite(want)], equal_nan=True):
        return math.inf
    finite = np.isfinite(want)
    off = np.abs(got[finite] - want[finite])
    return float(np.max(off / (EPS * scale), initial=0.0)) if not np.isnan(off).any() else math.inf


def in_hull(got: np.ndarray, corners: np.ndarray, scale: float) -> bool:
    """Whether a gradient is a mixture of the corners, to within a few eps of the scale."""
    if min(error(got, corner, scale) for corner in corners) <= LIMIT:
        return True
    mixture, _ = nnls(np.vstack([corners.T / scale, np.ones(len(corners))]), np.append(got / scale, 1.0))
    return error(got, mixture @ corners, scale) <= 2**20 and abs(mixture.sum() - 1) < 1e-9


def compare(loss: Loss, arrays: dict[str, Any], parameters: dict[str, Any], shape: tuple[int, ...]) -> int:
    """Hold every term against its proof; returns how many numbers were compared."""
    terms = loss(arrays, parameters)
    value = np.asarray(terms.value)
    assert value.shape == loss.term_shape(shape)
    assert set(terms.slopes) == set(loss.differentiable) & set(arrays)
    assert all(slope.shape == arrays[name].shape for name, slope in terms.slopes.items())
    compared = 0
    for index in np.ndindex(value.shape):
        if terms.masked is not None and terms.masked[index]:
            assert value[index] == 0
            assert not any(slope[index].any() for slope in terms.slopes.values())
            continue
        compared += compare_term(loss, arrays, parameters, terms, index)
    return compared


def compare_term(
    loss: Loss, arrays: dict[str, Any], parameters: dict[str, Any], terms: Terms, index: tuple[int, ...]
) -> int:
    """Hold one term against its proof; returns how many numbers were compared."""
    asked = f"{loss.name} {parameters} at {index} of {arrays}"
    try:
        certified = proof(loss, arrays, parameters, index)
    except Undefined:
        assert np.isnan(terms.value[index]), asked
        return 1
    assert certified.proven, asked
    want = certified.value_high
    magnitude = abs(want) if terms.magnitude is None else float(terms.magnitude[index])
    if math.isinf(want):
        assert terms.value[index] == want, asked
        return 1
    assert error(terms.value[index], want, max(abs(want), magnitude, SMALLEST_NORMAL)) <= LIMIT, (asked, want)
    names = [name for name in loss.arguments if name in terms.slopes]
    scales, compared = [], 1
    if certified.corners is None and terms.nearness is not None and terms.nearness[index] <= LIMIT * EPS:
        return 1  # so close to the kink, float64 cannot tell on which side it is
    for name, (gradient, _) in zip(names, certified.gradients, strict=True):
        got = np.asarray(terms.slopes[name][index])
        sizes = np.abs(np.asarray(terms.slope_magnitudes.get(name, terms.slopes[name])[index]))
        finite = np.abs(gradient[np.isfinite(gradient)])
        scales.append(max(np.max(finite, initial=0.0), np.max(sizes, initial=0.0), SMALLEST_NORMAL))
        if certified.corners is None:
            assert error(got, gradient, scales[-1]) <= LIMIT, (asked, name, got, gradient)
        compared += got.size
    if certified.corners is not None and not certified.corners_truncated:
        got = np.concatenate([np.ravel(terms.slopes[name][index]) for name in names])
        assert in_hull(got, certified.corners, max(scales)), (asked, got, certified.corners)
    return compared


@pytest.mark.parametrize("season", [*SEASONS, "kinks"])
@pytest.mark.parametrize("name", NAMES)
def test_closed_form_agrees_with_the_certified_definition(name: str, season: str) -> None:
    """Value and gradient within 8 eps of the scale, for each parameter, with and without weights."""
    loss = catalogue()[name]
    weights = (False, True) if any(argument.optional for argument in loss.arguments.values()) else (False,)
    compared = 0
    for parameters, weighted in itertools.product(settings(loss), weights):
        for shape in SHAPES[loss.over]:
            arrays = draw(loss, "ordinary" if season == "kinks" else season, shape, parameters, weighted)
            if season != "kinks":
                compared += compare(loss, arrays, parameters, shape)
            elif loss.kinks_at is not None:
                for replaced in loss.kinks_at(arrays, **parameters):
                    compared += compare(loss, arrays | replaced, parameters, shape)
    assert compared > 0 or (season == "kinks" and loss.kinks_at is None)


def test_comparison_can_fail() -> None:
    """A slope wrong by 1e-14 of the scale, and a value likewise, are noticed."""
    loss = catalogue()["cross_entropy"]
    logits = np.array([1.0, -2.0, 0.5])
    certified = proof(
        loss, {"logits": logits[None], "target": np.array([1])}, {"ignore_index": 0, "label_smoothing": 0.0}, (0,)
    )
    right = certified.gradients[0][0]
    assert error(right, right, 1.0) == 0
    assert error(right + np.array([0, 1e-14, 0]), right, 1.0) > LIMIT
    assert error(np.array([math.nan]), np.array([1.0]), 1.0) == math.inf


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("venom", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_in_its_slice(name: str, venom: float) -> None:
    """NaN or infinity in the first term of any float argument leaves all the others as they were."""
    loss = catalogue()[name]
    parameters = next(settings(loss))
    shape = SHAPES[loss.over][0]
    arrays = draw(loss, "ordinary", shape, parameters, weighted=False)
    clean = loss(arrays, parameters)
    for argument in (name for name in loss.differentiable if name in arrays):
        poisoned = arrays[argument].copy()
        poisoned.flat[0] = venom
        terms = loss({**arrays, argument: poisoned}, parameters)
        assert np.array_equal(terms.value.flat[1:], clean.value.flat[1:])
        for other, slope in clean.slopes.items():
            first = slope[0].size if slope.ndim > 1 else 1
            assert np.array_equal(terms.slopes[other].flat[first:], slope.flat[first:])


@pytest.mark.parametrize("name", NAMES)
def test_empty_batch(name: str) -> None:
    """No rows give no terms, in the right shapes."""
    loss = catalogue()[name]
    for shape in SHAPES[loss.over]:
        arrays = draw(loss, "ordinary", (0, *shape[1:]), next(settings(loss)), weighted=True)
        terms = loss(arrays, next(settings(loss)))
        assert terms.value.shape == loss.term_shape((0, *shape[1:]))
        assert all(slope.shape == arrays[argument].shape for argument, slope in terms.slopes.items())


@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
def test_ignored_rows_weigh_nothing(name: str) -> None:
    """They are masked whatever they hold, and the mean divides by the weights of the others."""
    loss = catalogue()[name]
    scores = np.array([[0.0, -1.0, -2.0], [math.nan, -1.0, 0.0], [-3.0, -math.inf, -1.0]])
    arrays = {loss.differentiable[0]: scores, "target": np.array([0, -7, 2]), "weight": np.array([0.5, 1.0, 0.25])}
    terms = loss(arrays, next(settings(loss)) | {"ignore_index": -7})
    assert terms.masked is not None
    assert terms.masked.tolist() == [False, True, False]
    assert terms.value[1] == 0
    assert not terms.slopes[loss.differentiable[0]][1].any()
    assert np.isfinite(terms.value).all()
    assert terms.denominators["mean"].value == 0.75


def test_cross_entropy_of_an_impossible_class() -> None:
    """A target whose logit is -inf costs infinity, with a finite gradient; any other such class nothing."""
    loss = catalogue()["cross_entropy"]
    logits = np.array([[-math.inf, 0.0, 0.0], [0.0, -math.inf, 0.0]])
    terms = loss({"logits": logits, "target": np.array([0, 0])}, next(settings(loss)))
    assert terms.value.tolist() == [math.inf, math.log(2)]
    assert terms.slopes["logits"].tolist() == [[-1.0, 0.5, 0.5], [-0.5, 0.0, 0.5]]


def test_soft_labels_spend_nothing_on_impossible_classes() -> None:
    """0 times the infinite surprisal of a class is 0; the slope by its share of the target is infinite."""
    loss = catalogue()["soft_cross_entropy"]
    arrays = {"logits": np.array([[-math.inf, 0.0, 0.0]]), "target": np.array([[0.0, 0.5, 0.5]])}
    terms = loss(arrays, next(settings(loss)))
    assert terms.value.tolist() == [math.log(2)]
    assert terms.slopes["target"].tolist() == [[math.inf, math.log(2), math.log(2)]]


def test_parallel_vectors_keep_their_small_distance() -> None:
    """Nearly parallel rows: 1 - c to 12 digits where the product of the two unit vectors has none."""
    loss = catalogue()["cosine_embedding"]
    arrays = {"first": np.array([[1.0, 0.0]]), "second": np.array([[1.0, 2.0**-30]]), "sign": np.ones(1)}
    terms = loss(arrays, next(settings(loss)))
    assert terms.value[0] == pytest.approx(2.0**-61, rel=1e-12)


def test_cosine_of_a_zero_vector_is_undefined_without_epsilon() -> None:
    """0/0 stays NaN in its row; with epsilon it is an ordinary number."""
    loss = catalogue()["cosine_embedding"]
    arrays = {"first": np.array([[0.0, 0.0], [1.0, 0.0]]), "second": np.array([[1.0, 0.0]] * 2), "sign": np.ones(2)}
    assert np.isnan(loss(arrays, {"margin": 0.0, "epsilon": 0.0}).value).tolist() == [True, False]
    guarded = loss(arrays, {"margin": 0.0, "epsilon": 2.0**-40})
    assert guarded.value[0] == 1
    assert guarded.slopes["first"][0, 0] == pytest.approx(-(2.0**20), rel=1e-11)


def test_distances_beyond_float64_are_subtracted_before_they_overflow() -> None:
    """Equal distances of 3e308 cancel, and only the margin is left."""
    loss = catalogue()["triplet_margin"]
    arrays = {"anchor": np.full((1, 2), 1.5e308), "positive": np.full((1, 2), -1.5e308)}
    arrays["negative"] = arrays["positive"]
    terms = loss(arrays, next(settings(loss)))
    assert np.isfinite(terms.value).all()
