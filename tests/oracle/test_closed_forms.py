"""Every closed form within 8 eps of scale of its certified definition: every regime, option and shape of the suite."""

import pytest

from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.judging.audit import LIMIT, audit
from lossbench.losses import catalogue
from lossbench.records import Case
from lossbench.reference.answers import Answers

IN_FULL_ALONE = {"many_rows", "last_class", "certain", "edges", "one_scaled", "infeasible", "short", "masked_classes"}
LOSSES = {name: loss for name, loss in catalogue().items() if not loss.variant}


def cases_of(suite: str, name: str) -> list[Case]:
    cases = unfold(load(suite), LOSSES, Selection(losses=frozenset([name])))
    return list({(c.given, c.parameters, c.dtype, c.shape, c.regime, c.seed): c for c in cases}.values())


def certified(case: Case) -> bool:
    """Whether the case is of a size at which the definition judges; beyond it relations hold the closed form."""
    loss = LOSSES[case.loss]
    return sum(array.size for array in build(case, loss).arrays.values()) <= loss.certified_size


@pytest.mark.parametrize("name", LOSSES)
def test_closed_form_agrees_with_the_definition(name: str) -> None:
    cases = [case for case in cases_of("full", name) if case.dtype in ("float64", "float32") and certified(case)]
    audits = [audit(case, LOSSES[name], Answers(None)) for case in cases if not REGIMES[case.regime].must_reject]
    failed = [f"{a.case}: {a.error:.3g} eps, {a.worst}" for a in audits if not a.passed]
    assert not failed, "\n".join(failed)
    assert sum(a.compared for a in audits) > 100
    assert not [str(a.case) for a in audits if a.unproven]
    assert not [str(a.case) for a in audits if a.unannounced], "the closed form's nearness does not know of these kinks"


@pytest.mark.parametrize("name", LOSSES)
def test_every_regime_with_something_to_say_is_in_a_suite(name: str) -> None:
    applicable = {regime.name for regime in REGIMES.values() if regime.applies(LOSSES[name])}
    assert applicable == {case.regime for case in cases_of("full", name) if not case.regime.startswith("stored=")}
    valid = {regime for regime in applicable if not REGIMES[regime].invalid or regime == "poison"}
    assert valid - IN_FULL_ALONE == {case.regime for case in cases_of("smoke", name)}


def test_a_closed_form_that_is_off_by_sixteen_eps_is_refused() -> None:
    from dataclasses import replace

    from lossbench.loss import Terms

    huber = LOSSES["huber"]

    def bent(*arguments: object, **parameters: object) -> Terms:
        terms = huber.function(*arguments, **parameters)
        return replace(terms, value=terms.value * (1 + 2 * LIMIT * 2.0**-52))

    case = cases_of("smoke", "huber")[0]
    loss = replace(huber, function=bent)
    assert audit(case, huber, Answers(None)).passed
    assert not audit(case, loss, Answers(None)).passed
