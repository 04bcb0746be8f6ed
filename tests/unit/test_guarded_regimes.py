"""Vectors so short that guards hold, and classes masked by huge negative scores."""

import numpy as np
import pytest

from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import parse_case
from lossbench.floats import FORMATS
from lossbench.losses import catalogue

LOSSES = catalogue()


def arrays_of(text: str) -> dict[str, np.ndarray]:
    case = parse_case(text, LOSSES)
    return build(case, LOSSES[case.loss]).arrays


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_short_vectors_stand_beside_ordinary_ones_on_both_sides_of_every_guard(dtype: str) -> None:
    arrays = arrays_of(f"cosine_similarity/none/{dtype}/400x8/short/0")
    for name in ("first", "second"):
        lengths = np.sqrt((arrays[name] ** 2).sum(axis=-1))
        least = 1e-4 if dtype == "float16" else 1e-12
        assert (lengths > 0).all()
        assert (lengths < 1e2 * least).any()
        assert (lengths > 0.1).mean() > 0.2
        if dtype != "float16":  # which holds none of the guards
            for guard in (1e-6, 1e-8, 1e-11):
                assert (lengths < guard).any()
                assert ((lengths > guard) & (lengths < 1e-3)).any()


def test_no_short_vector_is_so_short_that_its_square_is_lost() -> None:
    for dtype in ("float64", "float32", "bfloat16"):
        first = arrays_of(f"cosine_similarity/none/{dtype}/400x8/short/0")["first"]
        assert ((first**2).sum(axis=-1) > FORMATS[dtype].smallest_normal).all()


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_masked_classes_are_far_below_and_targets_among_them(dtype: str) -> None:
    arrays = arrays_of(f"cross_entropy/none/{dtype}/400x5/masked_classes/0")
    logits, target = arrays["logits"], arrays["target"]
    masked = logits < -1e3
    assert np.isfinite(logits).all()
    assert 0.1 < masked.mean() < 0.4
    assert masked[np.arange(400), target].any()
    sizes = {int(np.rint(np.log10(-x))) for x in logits[masked]}
    assert sizes == ({4} if dtype == "float16" else {4, 9, 15})


def test_they_apply_where_there_is_something_to_season() -> None:
    short, masked = REGIMES["short"], REGIMES["masked_classes"]
    assert short.applies(LOSSES["cosine_embedding"])
    assert short.applies(LOSSES["triplet_margin"])
    assert not short.applies(LOSSES["squared_error"])
    assert not short.applies(LOSSES["cross_entropy"])
    assert masked.applies(LOSSES["multiclass_sparsemax"])
    assert not masked.applies(LOSSES["binary_cross_entropy_with_logits"])
