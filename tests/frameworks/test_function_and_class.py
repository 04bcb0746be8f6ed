"""Frameworks that have a loss as a function and as a class: both answer, and the same."""

from pathlib import Path

import pytest
from installed import each_of

from lossbench.commands import compare
from lossbench.records import Verdict
from lossbench.results import read

SUITE = """
modes = ["eager", "classes"]
losses = ["huber", "cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "cosine_embedding", "gaussian_nll"]
shapes.rows = ["4x5"]
shapes.elements = ["4x5"]
[[cases]]
regimes = ["normal"]
dtypes = ["float32"]
reductions = ["plain", "mean"]
options = "each"
how = ["contiguous"]
"""


@pytest.mark.parametrize("framework", each_of("torch", "paddle"))
def test_a_class_answers_what_its_function_does(framework: str, tmp_path: Path) -> None:
    suite, rows = tmp_path / "both.toml", tmp_path / "rows.csv"
    suite.write_text(SUITE)
    request = compare.Request(frameworks=(framework,), suite=str(suite), csv=rows, quiet=True)
    assert compare.main(request) == 0
    found = [row for row in read(rows, Verdict) if row.reference == "path"]
    assert len(found) > 20
    assert {row.status for row in found} == {"agrees"}
    assert {row.mode for row in found} == {"classes"}
