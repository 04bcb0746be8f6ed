"""Losses that rank and compare, against numbers worked out by hand, differences of the value, and identities."""

import itertools
import math

import numpy as np
import pytest

from lossbench.losses import catalogue

LOSSES = catalogue()
GENERATOR = np.random.default_rng(7)


def terms(name, *arrays, **parameters):
    loss = LOSSES[name]
    settings = {n: p.default for n, p in loss.parameters.items()} | parameters
    return loss.function(*(None if a is None else np.asarray(a) for a in arrays), **settings)


def of_length_1(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("first", "second", "sign", "margin", "value", "slope"),
    [
        (1.0, 2.0, 1.0, 0.0, 1.0, -1.0),
        (1.0, 2.0, -1.0, 0.0, 0.0, 0.0),
        (1.0, 2.0, -1.0, 1.5, 0.5, 1.0),
        (2.0, 1.0, 1.0, 1.5, 0.5, -1.0),
        (2.0, 1.0, 1.0, 0.5, 0.0, 0.0),
        (1e308, -1e308, -1.0, 0.0, math.inf, 1.0),
        (1e16, 1e16 - 2, 1.0, 3.0, 1.0, -1.0),
    ],
)
def test_margin_ranking_by_hand(first, second, sign, margin, value, slope):
    found = terms("margin_ranking", [first], [second], [sign], margin=margin)
    assert found.value == [value]
    assert found.slopes["first"] == [slope]
    assert found.slopes["second"] == [-slope]


def test_cosines_by_hand():
    a, b = [[3.0, 4.0]], [[1.0, 1.0]]
    cosine = 7 / (5 * math.sqrt(2))
    assert terms("cosine_similarity", a, b).value == pytest.approx(cosine, rel=1e-15)
    assert terms("cosine_distance", a, b).value == pytest.approx(1 - cosine, rel=1e-13)
    assert terms("cosine_distance", a, b, [3.0]).value == pytest.approx(3 - 3 * cosine, rel=1e-13)
    # (b/|b| - c a/|a|) / |a|, by hand with exact fractions of sqrt(2)
    slope = terms("cosine_similarity", a, b).slopes["first"]
    assert slope == pytest.approx(np.array([[4, -3]]) / (125 * math.sqrt(2)), rel=1e-14)


def test_the_cosine_distance_of_nearly_parallel_vectors_keeps_its_digits():
    angle = 2.0**-20
    found = terms("cosine_distance", [[1.0, 0.0]], [[1.0, angle]])
    # 1 - 1/sqrt(1 + t²) = t²/2 - 3t⁴/8 + ...
    assert found.value == pytest.approx(angle**2 / 2 - 3 * angle**4 / 8, rel=1e-14)
    assert found.slopes["second"][0, 1] == pytest.approx(angle - 1.5 * angle**3, rel=1e-14)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_the_cosine_knows_no_scale(scale):
    a, b = np.array([[3.0, 4.0, -1.0]]), np.array([[1.0, 1.0, 2.0]])
    found, plain = terms("cosine_similarity", scale * a, b), terms("cosine_similarity", a, b)
    assert found.value == pytest.approx(plain.value, rel=1e-14)
    with np.errstate(over="ignore"):
        assert found.slopes["first"] * scale == pytest.approx(plain.slopes["first"], rel=1e-13)


def test_a_floor_takes_the_place_of_a_length_below_it():
    found = terms("cosine_similarity", [[3e-9, 4e-9]], [[1.0, 1.0]], epsilon=1e-8)
    assert found.value == pytest.approx(0.7 / math.sqrt(2), rel=1e-14)
    assert found.slopes["first"] == pytest.approx(np.full((1, 2), 1e8 / math.sqrt(2)), rel=1e-14)


def test_the_guards_of_torch_and_paddle_as_measured():
    """The numbers are those of torch 2.13 and Paddle 3.3 for (3, 4)·1e-9 and (1, 1)."""
    a, b = [[3e-9, 4e-9]], [[1.0, 1.0]]
    torch = terms("cosine_similarity_floor_with_slope", a, b)
    assert torch.value == pytest.approx(0.4949747468305833, rel=1e-14)
    assert torch.slopes["first"] == pytest.approx(np.array([[41012193.3088, 31112698.3722]]), rel=1e-11)
    assert torch.slopes["second"] == pytest.approx(np.array([[-0.0354, 0.0354]]), abs=1e-4)
    paddle = terms("cosine_similarity_floor_of_product", a, b)
    assert paddle.value == pytest.approx(0.7, rel=1e-14)
    assert paddle.slopes["first"] == pytest.approx(np.array([[1e8, 1e8]]), rel=1e-14)
    assert paddle.slopes["second"] == pytest.approx(np.array([[0.3, 0.4]]), rel=1e-14)


@pytest.mark.parametrize(
    ("distance", "value"),
    # a = (0, 0, 1), p = (2, 3, 7), n = (1, 0, 3): near and far distance by hand
    [
        ("euclidean", 7 - math.sqrt(5) + 0.5),
        ("manhattan", 11 - 3 + 0.5),
        ("squared", 49 - 5 + 0.5),
        ("cosine", 3 / math.sqrt(10) - 7 / math.sqrt(62) + 0.5),
    ],
)
def test_the_triplet_loss_by_each_distance(distance, value):
    triplet = [[0.0, 0.0, 1.0]], [[2.0, 3.0, 7.0]], [[1.0, 0.0, 3.0]]
    found = terms("triplet_margin_with_distance", *triplet, margin=0.5, distance=distance)
    assert found.value == pytest.approx(value, rel=1e-14)


def test_the_triplet_loss_takes_the_nearer_of_two_distances_with_swap():
    triplet = [[0.0, 0.0]], [[3.0, 0.0]], [[4.0, 0.0]]  # d(a, n) = 4, d(p, n) = 1
    assert terms("triplet_margin_with_distance", *triplet).value == 0.0
    assert terms("triplet_margin_with_distance", *triplet, swap=True).value == 3.0


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_the_triplet_loss_by_a_norm_is_that_without_epsilon(p):
    triplet = GENERATOR.normal(size=(3, 20, 4))
    word = {1.0: "manhattan", 2.0: "euclidean"}[p]
    for swap in (False, True):
        one = terms("triplet_margin_with_distance", *triplet, distance=word, swap=swap)
        other = terms("triplet_margin", *triplet, p=p, epsilon=0.0, swap=swap)
        assert one.value == pytest.approx(other.value, rel=1e-14)


def test_optax_s_triplet_loss_takes_powers_of_signed_differences():
    triplet = [[0.0, 0.0]], [[2.0, -1.0]], [[-1.0, -1.0]]
    signed = terms("triplet_margin_epsilon_in_root", *triplet, p=1.0, epsilon=0.0)
    assert signed.value == 0.0  # -1 - 2 + 1 < 0, where 3 - 2 + 1 = 2 is right
    assert terms("triplet_margin", *triplet, p=1.0, epsilon=0.0).value == 2.0
    with np.errstate(invalid="ignore"):
        assert np.isnan(terms("triplet_margin_epsilon_in_root", *triplet, p=3.0).value)


def test_npair_by_hand():
    """Two anchors along the axes, three labels' worth of scores: S = ((2, 0), (0, 1))."""
    anchor, positive = np.eye(2), np.diag([2.0, 1.0])
    apart = terms("npair", anchor, positive, np.array([0, 1]), l2_reg=0.0)
    assert apart.value == pytest.approx(math.log1p(math.exp(-2)) + math.log1p(math.exp(-1)), rel=1e-15)
    alike = terms("npair", anchor, positive, np.array([4, 4]), l2_reg=0.0)
    assert alike.value == pytest.approx(apart.value + 2 / 2 + 1 / 2, rel=1e-15)
    assert apart.denominators["mean"].value == 2
    # a quarter of λ times the squares: 1 + 1 + 4 + 1
    assert terms("npair", anchor, positive, np.array([0, 1]), l2_reg=4.0).value == pytest.approx(apart.value + 7)


def test_npair_is_the_cross_entropy_of_all_scalar_products():
    anchor, positive = GENERATOR.normal(size=(2, 9, 3))
    labels = GENERATOR.integers(0, 4, 9)
    shares = (labels[:, None] == labels) / (labels[:, None] == labels).sum(axis=-1, keepdims=True)
    plain = terms("soft_cross_entropy", anchor @ positive.T, shares, None)
    assert terms("npair", anchor, positive, labels, l2_reg=0.0).value == pytest.approx(plain.value.sum(), rel=1e-13)


def test_a_clip_at_64_bounds_the_surprise():
    anchor = np.array([[10.0, 0.0], [0.0, 10.0]])
    crossed = anchor[::-1]
    assert terms("npair", anchor, crossed, np.array([0, 1]), l2_reg=0.0).value == pytest.approx(200.0)
    assert terms("npair_clipped_at_64", anchor, crossed, np.array([0, 1]), l2_reg=0.0).value == pytest.approx(128.0)


def test_ntxent_by_hand():
    along = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 5.0]])  # cosines of 1 in pairs, else 0
    found = terms("ntxent", along, np.array([0, 0, 1, 1]), temperature=1.0)
    assert found.value / found.denominators["mean"].value == pytest.approx(math.log1p(2 / math.e), rel=1e-15)
    assert found.denominators["mean"].value == 4
    # partners do not compete: of three alike and one apart, each of six pairs has that one rival
    found = terms("ntxent", along[[0, 1, 0, 2]], np.array([0, 0, 0, 1]), temperature=0.5)
    assert found.value == pytest.approx(6 * math.log1p(math.exp(-2)), rel=1e-14)
    assert found.denominators["mean"].value == 6


def test_ntxent_without_rivals_or_pairs_is_nothing():
    rows = GENERATOR.normal(size=(4, 3))
    alike, lonely = (terms("ntxent", rows, labels) for labels in (np.zeros(4, int), np.arange(4)))
    assert (alike.value, alike.denominators["mean"].value) == (0, 12)
    assert (lonely.value, lonely.denominators["mean"].value) == (0, 0)
    assert not alike.slopes["embeddings"].any()
    assert not lonely.slopes["embeddings"].any()


def test_circle_by_hand():
    """Row 0: 80·1.4·0.6 twice; row 1: that and -80·0.4²; row 2 has no partner and is left out of the mean."""
    rows, labels = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 0, 1])
    found = terms("circle", rows, labels)
    assert found.value == pytest.approx(134.4 + 54.4, rel=1e-14)
    assert found.denominators["mean"].value == 2
    # with the diagonal every row has a partner at 1, whose energy is -80·0.4·0.4
    found = terms("circle", rows, labels, remove_diagonal=False)
    assert found.denominators["mean"].value == 3
    assert found.value == pytest.approx(134.4 + 54.4 + (-12.8 + np.logaddexp(67.2, -12.8)), rel=1e-14)


def test_circle_of_weighted_rows():
    """Weights multiply what each row adds, of the value and of the slopes; a row that has no partner has none."""
    rows, labels = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 0, 1])
    found = terms("circle", rows, labels, np.array([0.25, 2.0, 8.0]))
    assert found.value == pytest.approx(0.25 * 134.4 + 2 * 54.4, rel=1e-14)
    assert found.denominators["mean"].value == 2
    assert found.denominators["weighted_mean"].value == 2.25
    alone = [terms("circle", rows, labels, np.eye(3)[row]).slopes["embeddings"] for row in range(3)]
    assert found.slopes["embeddings"] == pytest.approx(0.25 * alone[0] + 2 * alone[1], rel=1e-14)
    assert sum(alone) == pytest.approx(terms("circle", rows, labels).slopes["embeddings"], rel=1e-14)
    assert not alone[2].any()


def test_circle_by_brute_force():
    rows, labels, gamma, margin = of_length_1(GENERATOR.normal(size=(7, 3))), GENERATOR.integers(0, 3, 7), 4.0, 0.25
    value = 0.0
    for i in range(7):
        near, far = [], []
        for j in range(7):
            s = float(rows[i] @ rows[j])
            if labels[i] == labels[j] and i != j:
                near.append(math.exp(-gamma * max(0, 1 + margin - s) * (s - (1 - margin))))
            elif labels[i] != labels[j]:
                far.append(math.exp(gamma * max(0, s + margin) * (s - margin)))
        if near and far:
            value += math.log(1 + sum(near) * sum(far))
    assert terms("circle", rows, labels, gamma=gamma, margin=margin).value == pytest.approx(value, rel=1e-13)


def test_listwise_softmax_by_hand():
    found = terms("listwise_softmax", [[0.0, math.log(3)]], [[2.0, 1.0]], None, None)
    assert found.value == pytest.approx(2 * math.log(4) + math.log(4 / 3), rel=1e-15)
    assert found.slopes["logits"] == pytest.approx(np.array([[3 / 4 - 2, 9 / 4 - 1]]), rel=1e-15)
    found = terms("listwise_softmax", [[0.0, math.log(3)]], [[2.0, 1.0]], [[0.5, 3.0]], None)
    assert found.value == pytest.approx(math.log(4) + 3 * math.log(4 / 3), rel=1e-15)


def test_masked_items_leave_the_softmax_and_masked_rows_the_mean():
    logits, relevance = GENERATOR.normal(size=(2, 3, 4))
    mask = np.array([[1.0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    found = terms("listwise_softmax", logits, relevance, None, mask)
    short = terms("listwise_softmax", logits[:1, [0, 1, 3]], relevance[:1, [0, 1, 3]], None, None)
    assert found.value == pytest.approx([short.value[0], 0.0, found.value[2]])
    assert found.denominators["mean"].value == 2
    assert not found.slopes["logits"][mask == 0].any()
    assert not found.slopes["relevance"][mask == 0].any()


ROWS = GENERATOR.normal(size=(3, 5, 4))
LABELS = np.array([0, 1, 0, 2, 1])
CASES = [
    ("margin_ranking", (*ROWS[:2], np.sign(ROWS[2])), {"margin": 0.5}),
    ("cosine_similarity", ROWS[:2], {}),
    ("cosine_similarity", (0.1 * ROWS[0], ROWS[1]), {"epsilon": 0.5}),
    ("cosine_distance", (*ROWS[:2], np.arange(5.0)), {}),
    *(("triplet_margin_with_distance", ROWS, {"distance": word}) for word in ("euclidean", "manhattan", "squared")),
    ("triplet_margin_with_distance", ROWS, {"distance": "cosine", "swap": True}),
    ("npair", (*ROWS[:2], LABELS), {"l2_reg": 0.5}),
    ("ntxent", (ROWS[0], LABELS), {}),
    ("ntxent", (0.3 * ROWS[0], LABELS), {"epsilon": 0.5, "temperature": 0.5}),
    *(("circle", (of_length_1(ROWS[0]), LABELS), {"gamma": g, "margin": m}) for g, m in [(80.0, 0.4), (2.0, 0.25)]),
    ("listwise_softmax", (ROWS[0], np.abs(ROWS[1]), np.abs(ROWS[2]), (ROWS[2] > -1).astype(float)), {}),
]


@pytest.mark.parametrize(("name", "arrays", "parameters"), CASES, ids=itertools.count())
def test_slopes_are_differences_of_the_value(name, arrays, parameters):
    found, step = terms(name, *arrays, **parameters), 2.0**-18
    for position, argument in enumerate(LOSSES[name].arguments):
        if argument not in found.slopes:
            continue
        array = np.asarray(arrays[position])
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * step
                ends.append(terms(name, *arrays[:position], moved, *arrays[position + 1 :], **parameters).value.sum())
            slope = (ends[0] - ends[1]) / (2 * step)
            assert found.slopes[argument][index] == pytest.approx(slope, rel=1e-6, abs=1e-6), (argument, index)
