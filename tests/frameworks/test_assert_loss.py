"""`assert_loss` in a user's own test suite: a process that imports torch, as theirs does."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SUITE = """
import sys
import pytest
import torch
import torch.nn.functional as F
from lossbench.errors import UsageError
from lossbench.testing import assert_loss

def good(inputs, targets):
    return F.binary_cross_entropy_with_logits(inputs, targets)

def twice(logits, labels):
    return F.cross_entropy(torch.softmax(logits, dim=1), labels)

def renamed(x, y, width=0.5):
    return F.huber_loss(x, y, delta=width, reduction="none")

def test_right():
    assert assert_loss(good, "binary_cross_entropy_with_logits")
    assert assert_loss(torch.nn.SmoothL1Loss(), "smooth_l1")
    assert {v.case.split("/")[1] for v in assert_loss(renamed, "huber", names={"delta": "width"})} == {"delta=0.5"}
    assert not {"paddle", "tensorflow", "keras", "jax"} & set(sys.modules)

def test_wrong():
    with pytest.raises(AssertionError) as caught:
        assert_loss(twice, "cross_entropy")
    text = str(caught.value)
    assert "twice is not cross_entropy" in text
    assert "got" in text and "want" in text
    case = text.rpartition("cases=['")[2].partition("'")[0]
    with pytest.raises(AssertionError, match="1 of 1"):
        assert_loss(twice, "cross_entropy", cases=[case])

def test_words():
    with pytest.raises(UsageError, match="did you mean"):
        assert_loss(good, "crossentropi")
    with pytest.raises(UsageError, match="huber has no 'gamma'"):
        assert_loss(renamed, "huber", gamma=2.0)
    with pytest.raises(UsageError, match="has no argument 'q'"):
        assert_loss(renamed, "huber", names={"delta": "q"})
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_it_judges_in_the_process_of_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
