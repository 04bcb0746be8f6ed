"""From a case to its arrays: the same bits on any machine, whatever ran before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from lossbench.cases.draft import Draft, ordinary
from lossbench.cases.regimes import REGIMES
from lossbench.domains import Domain
from lossbench.floats import FORMATS, Format, round_to
from lossbench.loss import Loss
from lossbench.records import Case, Option


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a case is about: float64 carriers holding numbers of the tested format, integers as int64.

    `poisoned` marks terms whose inputs hold NaN or infinity on purpose; `overflowed` says that numbers became infinite
    when they were rounded to a narrower format.
    """

    arrays: dict[str, np.ndarray]
    poisoned: np.ndarray
    overflowed: bool = False


def resolved(case: Case, loss: Loss) -> dict[str, Option]:
    """All parameters of the loss, as the case sets them."""
    return loss.settings(case.parameters)


def seed_of(case: Case) -> int:
    """The seed of a case's generator: one for all its reductions and formats, so that they see the same draw."""
    words = (case.loss, case.given, case.parameters, case.shape, case.regime, case.seed)
    return int.from_bytes(hashlib.blake2b(repr(words).encode(), digest_size=8).digest(), "big")


def build(case: Case, loss: Loss) -> Inputs:
    """Draw ordinary inputs, season them by the case's regime, and round them to the tested format."""
    literal = REGIMES[case.regime].literal
    if literal is not None:
        form = FORMATS[case.dtype]
        numbers = {n: np.array(a) if a.dtype.kind == "i" else round_to(a, form) for n, a in literal.arrays.items()}
        return Inputs(
            {name: numbers[name] for name in loss.arguments if name in numbers},
            literal.mask(loss.term_shape(case.shape)),
        )
    draft = drafted(case, loss)
    REGIMES[case.regime].season(draft)
    outside = REGIMES[case.regime].invalid
    return Inputs(
        {name: _rounded(loss.arguments[name].domain, a, draft.format, outside) for name, a in draft.arrays.items()},
        draft.poisoned,
    )


def drafted(case: Case, loss: Loss) -> Draft:
    """The ordinary inputs of a case, which its regime has yet to season."""
    parameters = resolved(case, loss)
    generator = np.random.default_rng(seed_of(case))
    drawn = loss.drawn_by(generator, case.shape, **parameters) if loss.drawn_by else {}
    arrays = {
        name: drawn[name] if name in drawn else ordinary(name, loss, case.shape, parameters, generator)
        for name, argument in loss.arguments.items()
        if not argument.optional or name in case.given
    }
    terms = np.zeros(loss.term_shape(case.shape), bool)
    return Draft(loss, case.shape, parameters, generator, FORMATS[case.dtype], arrays, terms)


def _rounded(domain: Domain, array: np.ndarray, form: Format, outside: bool) -> np.ndarray:
    """The numbers in the format, and inside of the domain unless they lie outside on purpose."""
    if domain.integer:
        return np.asarray(array, dtype=np.int64)
    with np.errstate(all="ignore"):
        bounded = np.isfinite([domain.low, domain.high]).any()
        inside = np.clip(array, domain.low, domain.high) if bounded and not outside else array
        return round_to(np.asarray(inside, dtype=float), form)
