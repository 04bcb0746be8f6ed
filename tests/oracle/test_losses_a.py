"""Residuals, divergences, binary cross entropies, focal losses and Dice: float64 against the certified definition."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lossbench.domains import Axes, Domain, Kind
from lossbench.loss import Loss, Over, Terms
from lossbench.losses import catalogue
from lossbench.records import Option
from lossbench.reference.certify import Certified, certify

LIMIT = 8.0  # eps of the scale
EPS, SMALLEST_NORMAL = 2.0**-52, 2.0**-1022
NAMES = (
    "absolute_error",
    "squared_error",
    "huber",
    "smooth_l1",
    "kl_div",
    "kl_div_log_target",
    "kl_div_probability",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_focal",
    "binary_focal_probability",
    "soft_dice",
    "bce_dice",
)
Arrays = dict[str, np.ndarray]
Parameters = dict[str, Option]

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
ORDINARY: dict[Kind, Draw] = {
    Kind.REAL: lambda g, s: g.normal(size=s),
    Kind.LOGIT: lambda g, s: 2 * g.normal(size=s),
    Kind.PROBABILITY: lambda g, s: g.uniform(0.01, 0.99, s),
    Kind.BINARY: lambda g, s: np.where(g.random(s) < 0.5, g.random(s), g.integers(0, 2, s).astype(float)),
    Kind.PROBABILITIES: lambda g, s: softmax(2 * g.normal(size=s)),
    Kind.LOG_PROBABILITIES: lambda g, s: np.log(softmax(2 * g.normal(size=s))),
    Kind.WEIGHT: lambda g, s: g.choice([0.0, 0.25, 1.0, 3.0], s),
}
TINY = [5e-324, 1e-310, SMALLEST_NORMAL, 1e-200, 1e-30, 1e-17, 1e-8]
EDGES = {
    Kind.REAL: [0.0, -0.0, 1.0, -1.0, *TINY, 1e150, -1e150, 1.7e308, -1.7e308],
    Kind.LOGIT: [0.0, -0.0, *TINY, *(s * x for s in (-1, 1) for x in (1e-300, 17.0, 37.0, 88.7, 400.0, 740.0, 5000.0))],
    Kind.PROBABILITY: [0.5, 1 - EPS / 2, 1 - 1e-9, *TINY],
    Kind.BINARY: [0.0, 1.0, 0.5, 1e-17, 1 - EPS / 2],
    Kind.PROBABILITIES: [1.0, 0.5, 1 - EPS / 2, *TINY],
    Kind.LOG_PROBABILITIES: [0.0, -0.0, -5e-324, -1e-17, -17.0, -340.0, -709.0, -740.0, -1400.0],
    Kind.WEIGHT: [0.0, 1.0, 0.25],
}


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def shape_of(name: str, loss: Loss, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[-1:] if loss.arguments[name].domain.axes is Axes.LAST else shape


def ordinary(loss: Loss, shape: tuple[int, ...], generator: np.random.Generator, optional: bool) -> Arrays:
    return {
        name: ORDINARY[argument.domain.kind](generator, shape_of(name, loss, shape))
        for name, argument in loss.arguments.items()
        if name not in loss.alone and (optional or not argument.optional)
    }


def draws(loss: Loss, parameters: Parameters) -> Iterator[tuple[str, Arrays]]:
    """Named sets of inputs: everyday ones, with and without weights, and the corners of the domains."""
    generator = np.random.default_rng(20)
    shape = (4, 3, 2) if loss.over is Over.SAMPLES else (6, 4)
    anything = any(argument.optional for argument in loss.arguments.values())
    for optional in (False, True)[: 1 + anything]:
        arrays = ordinary(loss, shape, generator, optional)
        yield "ordinary", arrays
        yield "edges", {n: generator.choice(EDGES[loss.arguments[n].domain.kind], a.shape) for n, a in arrays.items()}
        mixed = ordinary(loss, shape, generator, optional)
        for name, array in mixed.items():
            edges = generator.choice(EDGES[loss.arguments[name].domain.kind], array.shape)
            mixed[name] = np.where(generator.random(array.shape) < 0.5, edges, array)
        yield "seasoned", mixed
        yield "log uniform", {n: log_uniform(loss.arguments[n].domain, a, generator) for n, a in arrays.items()}
        first, second = list(arrays)[:2]
        domain = loss.arguments[first].domain
        if domain == loss.arguments[second].domain or domain.kind is Kind.PROBABILITY:
            yield "equal", {**arrays, second: arrays[first]}
            yield "nearly equal", {**arrays, second: np.minimum(arrays[first] * (1 + EPS), domain.high)}
        yield (
            "hard",
            {
                name: np.round(array) if loss.arguments[name].domain.kind is Kind.BINARY else array
                for name, array in arrays.items()
            },
        )
        if loss.kinks_at is not None:
            grid = {name: np.round(array * 8) / 8 for name, array in arrays.items()}
            for replaced in loss.kinks_at(grid, **parameters):
                yield "kink", {**grid, **replaced}


def log_uniform(domain: Domain, array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Numbers of all magnitudes in the domain: probabilities down to 1e-300, logarithms and scores up to 1000."""
    if domain.kind is Kind.WEIGHT:
        return array
    exponents = generator.uniform(-300, 0, array.shape)
    if domain.low == 0:
        return 10**exponents
    return (-1.0 if domain.high == 0 else np.sign(array)) * 10 ** (exponents / 100 * (1 if domain.high == 0 else 2) + 3)


def settings(loss: Loss) -> list[Parameters]:
    """The defaults, every other value beside them, and for focal losses the pairs of alpha and gamma."""
    defaults = loss.settings()
    changed = [{name: value} for name, values in loss.also.items() for value in values]
    if {"alpha", "gamma"} <= loss.also.keys():
        pairs = itertools.product(loss.also["alpha"], loss.also["gamma"])
        changed += [{"alpha": alpha, "gamma": gamma} for alpha, gamma in pairs]
    return [defaults, *(defaults | change for change in changed)]


def parts_of(loss: Loss, arrays: Arrays, index: tuple[int, ...]) -> list[object]:
    return [loss.slice_of(name, arrays[name], index) if name in arrays else None for name in loss.arguments]


def error(got: np.ndarray, want: np.ndarray, magnitude: np.ndarray | float) -> float:
    """The worst error in eps of the scale; infinite where one is finite and the other is not."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    with np.errstate(all="ignore"):
        errors = np.abs(got - want) / (EPS * np.maximum(np.maximum(np.abs(want), magnitude), SMALLEST_NORMAL))
    errors = np.where(got == want, 0.0, errors)
    return float(np.where(np.isnan(errors), np.inf, errors).max(initial=0.0))


def check(loss: Loss, terms: Terms, arrays: Arrays, index: tuple[int, ...], proof: Certified) -> int:
    """Hold one term against its certificate; returns how many numbers were compared."""
    magnitude = np.abs(terms.value) if terms.magnitude is None else terms.magnitude
    where = f"{loss.name} of {parts_of(loss, arrays, index)}"
    if not np.isfinite(proof.value_high):
        assert terms.value[index] == proof.value_high, where
        return 1
    off = error(terms.value[index], np.asarray(proof.value_high), float(magnitude[index]))
    assert off <= LIMIT, f"value of {where}: {terms.value[index]!r}, want {proof.value_high!r}, off by {off} eps"
    compared, begin = 1, 0
    for name, (high, _) in zip(terms.slopes, proof.gradients, strict=True):
        got = np.asarray(terms.slopes[name])[index]
        scale = np.abs(np.asarray(terms.slope_magnitudes.get(name, terms.slopes[name]))[index])
        most = float(np.max(np.maximum(scale, np.abs(high)), initial=0.0))
        size = high.size
        if proof.corners is None:
            low_end = high_end = high
        else:
            sides = proof.corners[:, begin : begin + size].reshape(-1, *high.shape)
            low_end, high_end = sides.min(axis=0), sides.max(axis=0)
        off = error(got, np.clip(got, low_end, high_end), most)
        assert off <= LIMIT, f"slope by {name} of {where}: {got!r}, want {high!r}, off by {off} eps"
        compared, begin = compared + size, begin + size
    return compared


@pytest.mark.parametrize("name", NAMES)
def test_closed_form_agrees_with_the_certified_definition(name: str) -> None:
    """Value and every slope within 8 eps of the scale, over the whole domain, for every parameter value."""
    loss = catalogue()[name]
    assert loss.textbook is not None
    for parameters in settings(loss):
        for what, arrays in draws(loss, parameters):
            terms = loss(arrays, parameters)
            assert tuple(terms.slopes) == tuple(n for n in loss.differentiable if n in arrays)
            differentiable = [n in terms.slopes for n in loss.arguments]
            compared = 0
            for index in np.ndindex(*terms.value.shape):
                proof = certify(loss.textbook, parts_of(loss, arrays, index), differentiable, parameters)
                if proof.proven:
                    compared += check(loss, terms, arrays, index, proof)
            assert compared >= terms.value.size, f"{name} {parameters}: {what} inputs prove too little"


@pytest.mark.parametrize("name", NAMES)
def test_scales_are_numbers_of_the_right_shape(name: str) -> None:
    """No scale is NaN or negative where the number it belongs to is finite, and all shapes are the arguments'."""
    loss = catalogue()[name]
    for parameters in settings(loss):
        for _, arrays in draws(loss, parameters):
            terms = loss(arrays, parameters)
            sized = [(terms.value, terms.magnitude)]
            for argument, slope in terms.slopes.items():
                assert np.shape(slope) == arrays[argument].shape
                sized.append((slope, terms.slope_magnitudes.get(argument)))
            for number, scale in sized:
                assert np.asarray(number).dtype == np.float64
                if scale is not None:
                    assert np.shape(scale) == np.shape(number)
                    assert (np.asarray(scale)[np.isfinite(number)] >= 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("venom", [np.nan, np.inf, -np.inf])
def test_poison_stays_in_its_term(name: str, venom: float) -> None:
    """NaN or infinity in one element changes no other term, and a NaN does not vanish."""
    loss = catalogue()[name]
    shape = (3, 2, 2) if loss.over is Over.SAMPLES else (3, 4)
    clean = ordinary(loss, shape, np.random.default_rng(1), optional=True)
    spot = (1, 1, 0)[: len(shape)]
    for parameters in settings(loss):
        want = loss(clean, parameters)
        for victim in (name for name in loss.differentiable if name in clean):
            array = clean[victim].copy()
            array[spot] = venom
            got = loss({**clean, victim: array}, parameters)
            at = spot[: got.value.ndim]
            assert not np.isnan(venom) or np.isnan(got.value[at])
            others = np.ones(got.value.shape, bool)
            others[at] = False
            assert np.array_equal(got.value[others], want.value[others])
            for argument in want.slopes:
                assert np.array_equal(got.slopes[argument][others], want.slopes[argument][others])


@pytest.mark.parametrize("name", NAMES)
def test_empty_arrays_have_empty_terms(name: str) -> None:
    """A batch of nothing has no terms, and slopes of its own shape."""
    loss = catalogue()[name]
    shape = (0, 3, 2)
    arrays = ordinary(loss, shape, np.random.default_rng(0), optional=True)
    terms = loss(arrays, settings(loss)[0])
    assert terms.value.shape == loss.term_shape(shape)
    assert {argument: np.shape(slope) for argument, slope in terms.slopes.items()} == dict.fromkeys(terms.slopes, shape)


@pytest.mark.parametrize(
    ("name", "arguments", "value", "slopes"),
    [
        ("binary_cross_entropy", (0.0, 0.0), 0.0, (1.0, np.inf)),
        ("binary_cross_entropy", (1.0, 1.0), 0.0, (-1.0, -np.inf)),
        ("binary_cross_entropy", (0.0, 1.0), np.inf, (-np.inf, np.inf)),
        ("binary_cross_entropy", (1.0, 0.25), np.inf, (np.inf, -np.inf)),
        ("binary_cross_entropy_with_logits", (np.inf, 1.0), 0.0, (0.0, -np.inf)),
        ("binary_cross_entropy_with_logits", (-np.inf, 1.0), np.inf, (-1.0, np.inf)),
        ("binary_cross_entropy_with_logits", (np.inf, 0.25), np.inf, (0.75, -np.inf)),
        ("binary_focal", (-np.inf, 0.0), 0.0, (0.0, 0.0)),
        ("binary_focal", (np.inf, 0.0), np.inf, (1.0, -np.inf)),
        ("binary_focal_probability", (0.0, 0.0), 0.0, (0.0, 0.0)),
        ("binary_focal_probability", (1.0, 1.0), 0.0, (0.0, 0.0)),
        ("binary_focal_probability", (0.0, 1.0), np.inf, (-np.inf, np.inf)),
        ("binary_focal_probability", (1.0, 0.25), np.inf, (np.inf, -np.inf)),
        ("kl_div", (-1.0, 0.0), 0.0, (0.0, -np.inf)),
        ("kl_div", (-np.inf, 0.0), 0.0, (0.0, np.inf)),
        ("kl_div", (-np.inf, 0.5), np.inf, (-0.5, np.inf)),
        ("kl_div_log_target", (-1.0, -np.inf), 0.0, (0.0, 0.0)),
        ("kl_div_log_target", (-np.inf, -1000.0), np.inf, (0.0, np.inf)),
        ("kl_div_probability", (0.5, 0.0), 0.0, (0.0, -np.inf)),
        ("kl_div_probability", (0.0, 0.0), 0.0, (0.0, np.inf)),
        ("kl_div_probability", (0.0, 0.5), np.inf, (-np.inf, np.inf)),
    ],
)
def test_the_ends_of_the_domain_are_limits(
    name: str, arguments: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    """0 log 0 = 0, and slopes from inside the domain, where a definition alone would be 0 times infinity."""
    loss = catalogue()[name]
    arrays = {argument: np.array([x]) for argument, x in zip(loss.arguments, arguments, strict=False)}
    terms = loss(arrays, settings(loss)[0])
    assert terms.value == value
    assert tuple(float(slope[0]) for slope in terms.slopes.values()) == slopes


@pytest.mark.parametrize(
    ("name", "other", "into"),
    [
        ("huber", "smooth_l1", lambda a: a),
        ("kl_div", "kl_div_log_target", lambda a: {**a, "log_target": np.log(a["target"])}),
        ("kl_div", "kl_div_probability", lambda a: {**a, "prediction": np.exp(a["log_prediction"])}),
        (
            "binary_cross_entropy",
            "binary_cross_entropy_with_logits",
            lambda a: {**a, "logit": np.log(a["prediction"] / (1 - a["prediction"]))},
        ),
        ("binary_cross_entropy", "binary_focal_probability", lambda a: a),
        ("binary_cross_entropy_with_logits", "binary_focal", lambda a: a),
    ],
)
def test_identities_in_the_docstrings_hold(name: str, other: str, into: Callable[[Arrays], Arrays]) -> None:
    """What one docstring says of another loss is so."""
    loss, twin = catalogue()[name], catalogue()[other]
    arrays = ordinary(loss, (5, 4), np.random.default_rng(4), optional=False)
    mine, theirs = settings(loss)[0], settings(twin)[0] | ({"gamma": 0.0} if "gamma" in twin.parameters else {})
    np.testing.assert_allclose(loss(arrays, mine).value, twin(into(arrays), theirs).value, rtol=1e-12, atol=1e-14)
