"""Losses whose every term may be multiplied by a number of its own: a sample's weight, or 0 for what is left out."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.domains import Domain, Kind, Mask, RowWeight
from lossbench.loss import Argument, Denominator, Loss, Terms
from lossbench.losses.limits import product


def weighs(loss: Loss, name: str) -> bool:
    """Whether an argument of a loss is an optional weight of terms, samples or classes."""
    argument = loss.arguments[name]
    return argument.optional and argument.domain.kind is Kind.WEIGHT


def sample_weighted(made: Loss) -> Loss:
    """Decorator, above `loss`: an optional last argument ``sample_weight``, one for each term, which multiplies it.

    With it come the means that divide by the sum of the weights and by the number of those that are not zero. Nobody
    takes it beside the loss's other optional arrays, so that cases have it by itself.
    """
    reductions = made.reductions if made.variant else (*made.reductions, "weighted_mean", "nonzero_mean")
    domain = replace(RowWeight.__metadata__[0], differentiable=True)
    return _multiplied(replace(made, reductions=reductions), "sample_weight", domain)


def sloped_by_weight(made: Loss) -> Loss:
    """Decorator, above `loss`: the argument ``weight`` multiplies each term, so that the term is the slope by it."""
    plain, position = made.function, list(made.arguments).index("weight")
    argument = made.arguments["weight"]

    @functools.wraps(plain)
    def function(*arrays: Any, **parameters: Any) -> Terms:
        terms = plain(*arrays, **parameters)
        if len(arrays) <= position or arrays[position] is None:
            return terms
        return with_slope(terms, plain(*arrays[:position], None, *arrays[position + 1 :], **parameters), "weight")

    domain = replace(argument.domain, differentiable=True)
    arguments = {**made.arguments, "weight": replace(argument, domain=domain)}
    return replace(made, function=function, arguments=arguments)


def masked_terms(made: Loss) -> Loss:
    """Decorator, above `loss`: an optional last argument ``mask``, 1 for the terms that count and 0 for all others."""
    return _multiplied(made, "mask", Mask.__metadata__[0])


def _multiplied(made: Loss, name: str, domain: Domain) -> Loss:
    plain = made.function

    @functools.wraps(plain)
    def function(*arrays: Any, **parameters: Any) -> Terms:
        weight = arrays[-1] if len(arrays) == len(dressed.arguments) else parameters.pop(name, None)
        terms = plain(*arrays[: len(dressed.arguments) - 1], **parameters)
        if weight is None:  # of weight 1, each
            each = np.ones(np.shape(terms.value))
            return replace(terms, denominators={**_denominators(terms, each), **terms.denominators})
        made_of = weighed(terms, weight)
        return with_slope(made_of, terms, name) if domain.differentiable else made_of

    dressed = replace(
        made,
        function=function,
        arguments={**made.arguments, name: Argument(name, domain, optional=True)},
        alone=(*made.alone, name),
        factors=(*made.factors, name),
    )
    return dressed


@np.errstate(all="ignore")
def weighed(terms: Terms, weight: np.ndarray) -> Terms:
    """The terms, each by its own weight; what weighs nothing is 0, also where the term is infinite or NaN."""

    def each(array: np.ndarray) -> np.ndarray:
        wide = weight.reshape(weight.shape + (1,) * (np.ndim(array) - weight.ndim))
        return np.where(wide == 0, 0.0, product(wide, array))

    return replace(
        terms,
        value=each(terms.value),
        slopes={name: each(slope) for name, slope in terms.slopes.items()},
        magnitude=None if terms.magnitude is None else each(terms.magnitude),
        slope_magnitudes={name: each(size) for name, size in terms.slope_magnitudes.items()},
        denominators={**terms.denominators, **_denominators(terms, weight)},
    )


@np.errstate(all="ignore")
def with_slope(weighted: Terms, terms: Terms, name: str) -> Terms:
    """The weighted terms with their slope by the weight, which is the plain term; the weighted mean has one as well."""
    asked = np.ones(np.shape(terms.value), bool) if terms.masked is None else ~terms.masked
    size = np.abs(terms.value) if terms.magnitude is None else terms.magnitude
    mean = weighted.denominators["weighted_mean"]
    return replace(
        weighted,
        slopes={**weighted.slopes, name: np.where(asked, terms.value, 0.0)},
        slope_magnitudes={**weighted.slope_magnitudes, name: np.where(asked, size, 0.0)},
        denominators={
            **weighted.denominators,
            "weighted_mean": replace(mean, slopes={**mean.slopes, name: asked.astype(float)}),
        },
    )


def _denominators(terms: Terms, weight: np.ndarray) -> dict[str, Denominator]:
    counted = weight if terms.masked is None else np.where(terms.masked, 0.0, weight)
    return {
        "weighted_mean": Denominator(float(counted.sum())),
        "nonzero_mean": Denominator(float(np.count_nonzero(counted))),
    }
