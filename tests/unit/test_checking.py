"""Is what was timed right? Answers made by hand, in full and by sampled rows."""

from dataclasses import replace

import numpy as np
import pytest

from lossbench.crew import Timed
from lossbench.floats import FORMATS, encode
from lossbench.judging import checking
from lossbench.judging.checking import Checking
from lossbench.judging.trials import Job, load
from lossbench.losses import catalogue
from lossbench.records import Case, Ended, Implementation, Known, Measurement, Target
from lossbench.wire import WireArray

TARGET = Target("fast")
CASE = Case("squared_error", (), (), "mean", "float32", (128, 8), "normal", 0)


def judged(
    case: Case,
    value: np.ndarray | float,
    gradients: dict[str, np.ndarray] | None = None,
    known: tuple[Known, ...] = (),
    check: Checking | None = None,
) -> str:
    """What is said of an answer; gradients None: of a forward pass."""
    check = check or Checking(catalogue())
    held = load(case, catalogue()[case.loss])
    implementation = Implementation(case.loss, "a", (), (), (), (), (), known=known)
    arrays = [np.asarray(value, float), *(gradients or {}).values()]
    sent = tuple(WireArray(case.dtype, encode(a, FORMATS[case.dtype])) for a in arrays)
    measured = Measurement(0, Ended.ANSWERED, gradients=tuple(gradients or ()))
    return check(case, held, TARGET, Job(case, implementation), gradients is not None, Timed(measured, sent))


def residual(case: Case) -> np.ndarray:
    inputs = load(case, catalogue()[case.loss]).inputs()
    return inputs.arrays["prediction"] - inputs.arrays["target"]


@pytest.fixture(params=["in full", "by rows"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "by rows":
        monkeypatch.setattr(checking, "LARGE", 1000)
    return str(request.param)


def reduced(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The right value and gradient of squared error."""
    error = residual(case)
    if case.reduction == "none":
        return error**2, 2 * error
    share = 1 / error.size if case.reduction == "mean" else 1.0
    return np.asarray((error**2).sum() * share), 2 * error * share


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_right_answer_agrees(way: str, reduction: str) -> None:
    case = replace(CASE, reduction=reduction)
    value, gradient = reduced(case)
    assert judged(case, value, {"prediction": gradient}) == "agrees"
    assert judged(case, value) == "agrees"


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_wrong_value_differs(way: str, reduction: str) -> None:
    case = replace(CASE, reduction=reduction)
    value, gradient = reduced(case)
    found = judged(case, value * 1.001, {"prediction": gradient})
    assert found.startswith("differs: ")
    assert "value" in found


def test_a_wrong_gradient_differs(way: str) -> None:
    value, gradient = reduced(CASE)
    assert judged(CASE, value, {"prediction": 2 * gradient}).startswith("differs: ")
    gradient = gradient.copy()
    gradient[-1, -1] *= 1.001  # in the last row, which is always among the sampled
    found = judged(CASE, value, {"prediction": gradient})
    assert "gradient of prediction" in found


def test_a_mean_that_divides_by_what_is_valid_is_judged_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LARGE", 1000)
    case = Case("nll", (), (("ignore_index", 1),), "mean", "float32", (128, 10), "normal", 0)
    inputs = load(case, catalogue()["nll"]).inputs()
    scores, target = inputs.arrays["log_probabilities"], inputs.arrays["target"]
    valid = np.flatnonzero(target != 1)
    assert 0 < len(valid) < 128
    gradient = np.zeros(scores.shape)
    gradient[valid, target[valid]] = -1 / len(valid)
    value = -scores[valid, target[valid]].mean()
    assert judged(case, value, {"log_probabilities": gradient}) == "agrees"
    assert judged(case, value, {"log_probabilities": gradient * len(valid) / 128}).startswith("differs: ")


def test_a_declared_deviation_is_no_wrong_answer() -> None:
    case = Case("binary_cross_entropy_with_logits", (), (), "none", "float32", (64,), "normal", 0)
    inputs = load(case, catalogue()[case.loss]).inputs()
    slope = 1 / (1 + np.exp(-inputs.arrays["logit"])) - inputs.arrays["target"]
    value = np.logaddexp(0, inputs.arrays["logit"]) - inputs.arrays["logit"] * inputs.arrays["target"]
    band = Known("up to so many eps off", error=1e6, contract=True)
    assert judged(case, value * 1.001, {"logit": slope}).startswith("differs: ")
    assert judged(case, value * 1.001, {"logit": slope}, (band,)) == "by-contract"


def test_rounding_to_a_format_is_no_wrong_answer() -> None:
    case = replace(CASE, dtype="bfloat16")
    value, gradient = reduced(case)
    assert judged(case, value, {"prediction": gradient}) in ("agrees", "imprecise")
    assert judged(case, 1.1 * value, {"prediction": gradient}).startswith("differs")


def test_what_is_right_is_worked_out_once_for_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out = []
    expect = checking.expect
    monkeypatch.setattr(checking, "expect", lambda *args: worked_out.append(1) or expect(*args))
    check = Checking(catalogue())
    value, gradient = reduced(CASE)
    for _ in range(3):
        assert judged(CASE, value, {"prediction": gradient}, check=check) == "agrees"
    assert len(worked_out) == 1
