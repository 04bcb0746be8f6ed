"""Losses that hold a layer, a tree or a sample of classes, against sums over all classes and numbers from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossbench.losses import catalogue
from lossbench.losses.hierarchical import default_paths

LOSSES = catalogue()
RANDOM = np.random.default_rng(7)


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def test_linear_cross_entropy_by_hand() -> None:
    """h = (1, 2), W = (1 0; 0 1; 1 1), b = (0, 1, -1): scores 1, 3, 2."""
    given = {
        "features": np.array([[1.0, 2.0]]),
        "linear_weight": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "linear_bias": np.array([0.0, 1.0, -1.0]),
        "target": np.array([2]),
    }
    terms = LOSSES["linear_cross_entropy"](given, {"ignore_index": -100, "label_smoothing": 0.0})
    p = softmax(np.array([1.0, 3.0, 2.0]))
    g = p - np.array([0, 0, 1])
    assert terms.value[0] == pytest.approx(1.4076059644443804, rel=1e-15)  # log(e + e³ + e²) - 2
    assert terms.slopes["linear_bias"][0] == pytest.approx(g, rel=1e-14)
    assert terms.slopes["linear_weight"][0] == pytest.approx(np.outer(g, [1, 2]), rel=1e-14)
    assert terms.slopes["features"][0] == pytest.approx(np.array([g[0] + g[2], g[1] + g[2]]), rel=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.125])
def test_through_the_identity_it_is_cross_entropy(smoothing: float) -> None:
    given = {"target": np.array([3, 1, 0]), "weight": np.array([0.5, 2.0, 1.0, 3.0])}
    logits = RANDOM.normal(size=(3, 4))
    options = {"ignore_index": 1, "label_smoothing": smoothing}
    plain = LOSSES["cross_entropy"]({"logits": logits, **given}, options)
    made = LOSSES["linear_cross_entropy"]({"features": logits, "linear_weight": np.eye(4), **given}, options)
    assert made.value == pytest.approx(plain.value, rel=1e-14)
    assert made.slopes["features"] == pytest.approx(plain.slopes["logits"], rel=1e-14)
    assert made.denominators["mean"].value == plain.denominators["mean"].value == 3.5
    assert not made.slopes["linear_weight"][1].any()  # the ignored row


def adaptive_given(rows: int) -> dict[str, np.ndarray]:
    loss = LOSSES["adaptive_log_softmax"]
    names = [n for n in loss.arguments if n not in ("features", "target")]
    given = {name: RANDOM.normal(size=loss.argument_shape(name, (rows, 8, 9))) for name in names}
    return {"features": np.repeat(RANDOM.normal(size=(1, 8)), rows, axis=0), **given}


def test_adaptive_likelihoods_of_all_classes_add_up_to_one() -> None:
    terms = LOSSES["adaptive_log_softmax"]({**adaptive_given(9), "target": np.arange(9)}, {})
    assert np.exp(-terms.value).sum() == pytest.approx(1, rel=1e-14)


def test_adaptive_likelihood_is_that_of_the_cluster_times_that_within_it() -> None:
    given = adaptive_given(9)
    h = given["features"][0]
    head = softmax(given["head"] @ h + given["head_bias"])
    first = softmax(given["first_output"] @ (given["first_projection"] @ h))
    second = softmax(given["second_output"] @ (given["second_projection"] @ h))
    assert (len(head), len(first), len(second)) == (4, 2, 5)
    want = np.concatenate([head[:2], head[2] * first, head[3] * second])
    terms = LOSSES["adaptive_log_softmax"]({**given, "target": np.arange(9)}, {})
    assert np.exp(-terms.value) == pytest.approx(want, rel=1e-13)
    # a row's slopes by the weights of a cluster it does not fall in are zero
    assert not terms.slopes["first_output"][4:].any()
    assert not terms.slopes["second_projection"][:4].any()


def test_every_cluster_is_drawn() -> None:
    loss = LOSSES["adaptive_log_softmax"]
    assert loss.drawn_by is not None
    for seed in range(20):
        target = loss.drawn_by(np.random.default_rng(seed), (3, 8, 9))["target"]
        assert [(target < 2).any(), ((target >= 2) & (target < 4)).any(), (target >= 4).any()] == [True] * 3


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 6, 7, 8, 13])
def test_likelihoods_of_all_leaves_add_up_to_one(classes: int) -> None:
    given = {
        "features": np.repeat(RANDOM.normal(size=(1, 3)), classes, axis=0),
        "target": np.arange(classes),
        "weights": RANDOM.normal(size=(classes - 1, 3)),
        "bias": RANDOM.normal(size=classes - 1),
    }
    terms = LOSSES["hierarchical_sigmoid"](given, {})
    assert np.exp(-terms.value).sum() == pytest.approx(1, rel=1e-14)
    # and of each class by walking down from the root, node by node
    scores = given["weights"] @ given["features"][0] + given["bias"]
    for leaf in range(classes):
        chance = 1.0
        for digit in range((leaf + classes).bit_length() - 1, 0, -1):
            node, step = (leaf + classes) >> digit, ((leaf + classes) >> (digit - 1)) & 1
            right = 1 / (1 + math.exp(-scores[node - 1]))
            chance *= right if step else 1 - right
        assert terms.value[leaf] == pytest.approx(-math.log(chance), rel=1e-13)


def test_the_complete_tree_by_its_paths() -> None:
    target = np.array([0, 3, 4, 2])
    nodes, decisions = default_paths(target, 5)
    assert nodes.tolist() == [[1, 0, -1], [3, 1, 0], [3, 1, 0], [2, 0, -1]]
    assert decisions.tolist() == [[1, 0, -1], [0, 0, 0], [1, 0, 0], [1, 1, -1]]
    given = {"features": RANDOM.normal(size=(4, 3)), "target": target, "bias": RANDOM.normal(size=4)}
    given["weights"] = RANDOM.normal(size=(4, 3))
    plain = LOSSES["hierarchical_sigmoid"](given, {})
    by_path = LOSSES["hierarchical_sigmoid_by_path"]({**given, "nodes": nodes, "decisions": decisions}, {})
    assert by_path.value == pytest.approx(plain.value, rel=1e-15)
    for name, slope in plain.slopes.items():
        assert by_path.slopes[name] == pytest.approx(slope, rel=1e-15)
    padded = LOSSES["hierarchical_sigmoid_padded"](given, {})
    assert padded.value - plain.value == pytest.approx(np.array([1, 0, 0, 1]) * math.log(2), abs=1e-14)


def test_a_padded_tree_clips_scores_at_40() -> None:
    given = {"features": np.array([[1.0], [1.0]]), "target": np.array([0, 1])}
    terms = LOSSES["hierarchical_sigmoid_padded"]({**given, "weights": np.array([[1000.0]])}, {})
    assert terms.value == pytest.approx(np.array([40.0, math.log1p(math.exp(-40))]), rel=1e-14)
    exact = LOSSES["hierarchical_sigmoid"]({**given, "weights": np.array([[1000.0]])}, {})
    assert exact.value.tolist() == [1000.0, 0.0]


def sampled_given(true: list[list[int]], sampled: list[int]) -> dict[str, np.ndarray]:
    rows = len(true)
    return {
        "features": RANDOM.normal(size=(rows, 3)),
        "weights": RANDOM.normal(size=(6, 3)),
        "biases": RANDOM.normal(size=6),
        "true": np.array(true),
        "sampled": np.array(sampled),
        "true_counts": RANDOM.uniform(0.1, 2, size=(rows, len(true[0]))),
        "sampled_counts": RANDOM.uniform(0.1, 2, size=len(sampled)),
    }


def test_nce_labels_a_true_class_one_over_their_number() -> None:
    """Binary cross entropies of the scores: with label 1/2 for each of two true classes, 0 for the sampled ones."""
    given = sampled_given([[0, 4], [3, 1]], [2, 4, 5])
    terms = LOSSES["nce"](given, {"remove_accidental_hits": False})
    for n in range(2):
        classes = [*given["true"][n], *given["sampled"]]
        counts = [*given["true_counts"][n], *given["sampled_counts"]]
        scores = given["weights"][classes] @ given["features"][n] + given["biases"][classes] - np.log(counts)
        p = 1 / (1 + np.exp(-scores))
        y = np.array([0.5, 0.5, 0, 0, 0])
        assert terms.value[n] == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(), rel=1e-13)
    removed = LOSSES["nce"](given, {"remove_accidental_hits": True})
    hit = given["weights"][4] @ given["features"][0] + given["biases"][4] - math.log(given["sampled_counts"][1])
    assert terms.value[0] - removed.value[0] == pytest.approx(math.log1p(math.exp(hit)), rel=1e-12)
    assert removed.value[1] == terms.value[1]


def test_a_class_that_is_true_and_sampled_gets_both_slopes() -> None:
    given = sampled_given([[4]], [4])
    terms = LOSSES["nce"](given, {"remove_accidental_hits": False})
    u, v = (
        given["weights"][4] @ given["features"][0] + given["biases"][4] - math.log(counts)
        for counts in (given["true_counts"][0, 0], given["sampled_counts"][0])
    )
    both = 1 / (1 + math.exp(-u)) - 1 + 1 / (1 + math.exp(-v))
    assert terms.slopes["biases"][0, 4] == pytest.approx(both, rel=1e-13)
    assert not np.delete(terms.slopes["biases"][0], 4).any()


def test_sampling_all_other_classes_gives_the_whole_softmax() -> None:
    given = sampled_given([[2]], [0, 1, 2, 3, 4, 5])
    given["true_counts"], given["sampled_counts"] = np.ones((1, 1)), np.ones(6)
    terms = LOSSES["sampled_softmax"](given, {"remove_accidental_hits": True})
    whole = LOSSES["linear_cross_entropy"](
        {
            "features": given["features"],
            "linear_weight": given["weights"],
            "linear_bias": given["biases"],
            "target": np.array([2]),
        },
        {"ignore_index": -100, "label_smoothing": 0.0},
    )
    assert terms.value == pytest.approx(whole.value, rel=1e-14)
    assert terms.slopes["weights"] == pytest.approx(whole.slopes["linear_weight"], rel=1e-12)


def test_sampled_softmax_with_two_true_classes() -> None:
    given = sampled_given([[0, 4]], [4, 2, 5])
    terms = LOSSES["sampled_softmax"](given, {"remove_accidental_hits": True})
    classes, counts = [0, 4, 2, 5], [*given["true_counts"][0], *given["sampled_counts"][1:]]
    scores = given["weights"][classes] @ given["features"][0] + given["biases"][classes] - np.log(counts)
    p = softmax(scores)
    assert terms.value[0] == pytest.approx(-(math.log(p[0]) + math.log(p[1])) / 2, rel=1e-13)
    kept = LOSSES["sampled_softmax"](given, {"remove_accidental_hits": False})
    assert kept.value[0] > terms.value[0]
    lost = LOSSES["sampled_softmax_nan_at_hits"](given, {"remove_accidental_hits": True})
    assert np.isnan(lost.value).tolist() == [True]


@pytest.mark.parametrize("name", ["nce", "sampled_softmax"])
@pytest.mark.parametrize("true", [1, 2])
def test_some_row_meets_one_of_its_classes_among_the_sampled(name: str, true: int) -> None:
    loss = LOSSES[name]
    assert loss.drawn_by is not None
    for seed in range(20):
        drawn = loss.drawn_by(np.random.default_rng(seed), (6, 4, 9, true, 3), remove_accidental_hits=True)
        hits = (drawn["true"][:, :, None] == drawn["sampled"]).any(axis=(1, 2))
        assert hits.any()
        assert all(len(set(row)) == true for row in drawn["true"].tolist())


@pytest.mark.parametrize(
    ("variant", "loss"),
    [
        ("adaptive_log_likelihood", "adaptive_log_softmax"),
        ("adaptive_log_softmax_clipped_at_64", "adaptive_log_softmax"),
    ],
)
def test_variants_of_the_adaptive_softmax(variant: str, loss: str) -> None:
    given = {**adaptive_given(9), "target": np.arange(9)}
    plain, bent = LOSSES[loss](given, {}), LOSSES[variant](given, {})
    assert np.abs(bent.value) == pytest.approx(plain.value, rel=1e-15)
    loud = {**given, "head": 100 * given["head"]}
    exact = LOSSES[loss](loud, {}).value
    clipped = LOSSES[variant](loud, {"clipped": True} if variant == "adaptive_log_likelihood" else {}).value
    assert exact.max() > 100
    assert np.abs(clipped).max() < 100
