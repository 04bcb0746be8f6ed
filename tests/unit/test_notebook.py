"""lossbench from Python: what it answers, and that it imports nothing before it is asked."""

import subprocess
import sys

import numpy as np
import pytest

import lossbench
from lossbench.errors import UsageError

LIGHT = """
import sys
before = set(sys.modules)
import lossbench
assert lossbench.__all__
print(" ".join(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_importing_it_imports_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "flint", "scipy", "typer", "rich"} & set(done.stdout.split())


def test_the_reference_has_value_and_gradients() -> None:
    found = lossbench.reference("cross_entropy", logits=[[0.0, 0.0]], labels=[1])
    assert found.value[0] == pytest.approx(np.log(2), rel=1e-15)
    np.testing.assert_allclose(found.gradients["logits"], [[0.5, -0.5]])
    assert found.proven.all()


def test_it_answers_whichever_was_imported_first() -> None:
    import lossbench.reference.answers

    assert float(lossbench.reference("huber", prediction=[3.0], target=[0.0], delta=2.0, reduction="sum")) == 4.0


def test_reductions_and_cotangents() -> None:
    found = lossbench.reference("huber", prediction=[3.0, 0.5], target=[0.0, 0.0], reduction="mean", cotangent=2.0)
    np.testing.assert_allclose(found.gradients["prediction"], [1.0, 0.5])


def test_certified_numbers_carry_what_rounding_leaves() -> None:
    found = lossbench.certified("binary_cross_entropy_with_logits", logit=[1.0], target=[1.0])
    assert found.low[0] != 0
    with pytest.raises(UsageError, match="could not be certified"):
        lossbench.certified("huber", prediction=[np.inf], target=[np.nan])


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("hubr", {}, "did you mean huber"),
        ("huber", {"foo": 1}, "huber has no 'foo'"),
        ("huber", {"prediction": [1.0]}, "huber needs target"),
        ("huber", {"prediction": [1.0], "target": [1.0, 2.0]}, "has the shape"),
        ("huber", {"prediction": ["a"], "target": [1.0]}, "cannot be read as numbers"),
        ("cross_entropy", {"logits": [[1.0, 2.0]], "target": [0.5]}, "holds fractions"),
        ("huber", {"prediction": [1.0], "target": [1.0], "reduction": "men"}, "huber has none"),
    ],
)
def test_what_cannot_be_meant(name: str, given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        lossbench.reference(name, **given)


def test_compare_gives_a_row_for_each_verdict(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = lossbench.compare("huber", framework="fakes", dtype="float32", regime="normal", impl="honest")
    assert list(frame.columns)[:3] == ["case", "loss", "framework"]
    assert set(frame.status) <= {"agrees", "absent"}
    with pytest.raises(UsageError, match="did you mean huber"):
        lossbench.compare("hubr", framework="fakes")


def test_speed_gives_a_row_for_each_timing() -> None:
    frame = lossbench.speed("huber", framework="fakes", shape="4x4", processes=1, seconds=0.0, impl="honest")
    assert (frame.p25.dropna() > 0).all()
    assert "huber" in set(frame.loss)
