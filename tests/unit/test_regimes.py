"""What regimes put into inputs, and that none leaves a loss as it was that it says it has something to say to."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lossbench.cases.inputs import build, drafted
from lossbench.cases.regimes import REGIMES
from lossbench.cases.regimes.reach import beyond
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.losses import catalogue
from lossbench.losses.sequence import frames_needed
from lossbench.records import INTEGERS

LOSSES = {name: loss for name, loss in catalogue().items() if not loss.variant}
U = FORMATS["float32"].unit_roundoff


def drawn(text):
    case = parse_case(text, LOSSES)
    return build(case, LOSSES[case.loss])


def table():
    path = Path(__file__).parents[1] / "bench" / "regimes_table.py"
    spec = importlib.util.spec_from_file_location("regimes_table", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.table


def test_no_regime_of_the_full_suite_is_idle_for_any_loss():
    found = table()("full")
    assert [(loss, name) for loss, regimes in found.items() for name, seasoned in regimes.items() if not seasoned] == []


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_several_kinds_of_adversarial_input(name):
    applies = {regime.name for regime in REGIMES.values() if regime.applies(LOSSES[name])}
    assert applies >= {"normal", "log_uniform", "zeros", "ones", "boundary", "empty", "one_row", "poison"}
    assert len(applies) >= 11


@pytest.mark.parametrize(
    ("loss", "scores"), [("cross_entropy", "logits"), ("soft_cross_entropy", "logits"), ("margin_softmax", "cosines")]
)
def test_rows_are_sure_and_mostly_of_their_labels(loss, scores):
    arrays = drawn(f"{loss}/none/float32/60x5/certain/0").arrays
    target = arrays["target"] if arrays["target"].ndim == 1 else arrays["target"].argmax(axis=-1)
    right = arrays[scores].argmax(axis=-1) == target
    assert 0.5 < right.mean() < 0.95
    if loss == "soft_cross_entropy":
        assert set(np.unique(arrays["target"])) == {0, 1}
    if scores == "logits":
        top = np.sort(arrays[scores], axis=-1)
        assert np.median(top[:, -1] - top[:, -2]) > 8


@pytest.mark.parametrize(("loss", "rows"), [("nll", "log_probabilities"), ("generalized_cross_entropy", "prediction")])
def test_probabilities_of_rows_are_sure_too(loss, rows):
    array = drawn(f"{loss}/none/float32/60x5/certain/0").arrays[rows]
    likeliest = (np.exp(array) if rows == "log_probabilities" else array).max(axis=-1)
    assert (likeliest > 0.99).all()
    assert (likeliest < 1).any()


def test_features_lie_along_the_weights_of_their_class():
    arrays = drawn("linear_cross_entropy/none/float32/40x6x5/certain/0").arrays
    scores = arrays["features"] @ arrays["linear_weight"].T
    own = np.take_along_axis(scores, arrays["target"][:, None], axis=-1)[:, 0]
    assert np.median(own) > 8


def test_probabilities_lie_at_every_end_of_the_format():
    form = FORMATS["float32"]
    found = set(drawn("binary_cross_entropy/none/float32/60x60/edges/0").arrays["prediction"].ravel())
    assert {0.0, 1.0, 1 - U, form.smallest_subnormal, form.smallest_normal, 2 * form.smallest_normal, U} <= found
    assert {float(np.float32(f"1e-{k}")) for k in range(1, 38)} <= found
    arrays = drawn("binary_cross_entropy/none/float32/6x5/edges/0").arrays
    met = set(zip(arrays["prediction"].ravel(), arrays["target"].ravel(), strict=True))
    assert {(p, y) for p in (0.0, 1.0, 1 - U, form.smallest_subnormal, form.smallest_normal) for y in (0, 1)} <= met
    rows = drawn("sparse_categorical_cross_entropy_prob/none/float32/60x60/edges/0").arrays["prediction"]
    assert {1.0, 1 - U} & set(rows.ravel())
    assert 0 < rows[rows > 0].min() < form.smallest_normal
    logs = drawn("nll/none/float32/60x60/edges/0").arrays["log_probabilities"]
    assert logs.min() < -100
    assert np.isfinite(logs).all()


def test_one_argument_of_each_term_is_of_another_size():
    text = "gaussian_nll/none/float64/6x5/one_scaled/0"
    case = parse_case(text, LOSSES)
    before, after = dict(drafted(case, LOSSES["gaussian_nll"]).arrays), drawn(text).arrays
    moved = sum((before[name] != after[name]).astype(int) for name in after)
    assert moved.max() == 1
    assert moved.mean() > 0.9
    assert {name for name in after if (before[name] != after[name]).any()} == {"prediction", "target", "variance"}
    ratios = np.abs(after["variance"] / before["variance"])
    assert ratios.max() > 1e20
    assert ratios.min() < 1e-20


def test_a_weight_may_be_what_is_of_another_size():
    arrays = drawn("squared_error/weight/none/float32/6x5/one_scaled/0").arrays
    assert arrays["weight"].max() > 1e6


@pytest.mark.parametrize("loss", ["ctc", "ctc_log_probabilities"])
def test_some_labels_do_not_fit_their_frames_beside_some_that_do(loss):
    arrays = drawn(f"{loss}/none/float32/12x7x4/infeasible/0").arrays
    lacking = arrays["input_lengths"] < frames_needed(arrays["labels"], arrays["label_lengths"])
    assert lacking.any()
    assert not lacking.all()


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("iou/none/float64/12x4/near/0", "prediction", "target"),
        ("kl_div_probability/none/float64/6x5/near/0", "prediction", "target"),
        ("kl_div_log_target/none/float64/6x5/near/0", "log_prediction", "log_target"),
    ],
)
def test_boxes_and_distributions_are_nearly_the_same(text, one, other):
    arrays = drawn(text).arrays
    assert (arrays[one] != arrays[other]).any()
    np.testing.assert_allclose(arrays[one], arrays[other], rtol=1e-12)


def test_a_logarithm_is_nearly_that_of_what_stands_beside_it_and_rows_are_nearly_parallel():
    arrays = drawn("generalized_kl/none/float64/6x5/near/0").arrays
    np.testing.assert_allclose(np.exp(arrays["log_prediction"]), arrays["target"], rtol=1e-5)
    rows = drawn("ntxent/mean/float64/6x4/near/0").arrays["embeddings"]
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    assert ((unit @ unit.T)[~np.eye(6, dtype=bool)] > 1 - 1e-9).any()


@pytest.mark.parametrize("seed", range(5))
def test_classes_that_do_not_exist_are_counted_along_the_axis_of_classes(seed):
    arrays = drawn(f"nce/none/float32/6x4x9x2x3/invalid_classes/{seed}").arrays
    for name in ("true", "sampled"):
        wrong = [label for label in arrays[name].ravel() if not 0 <= label < 9]
        assert wrong
    nodes = drawn(f"hierarchical_sigmoid_by_path/none/float32/6x4x5/invalid_classes/{seed}").arrays["nodes"]
    assert (nodes >= 5).any()


def test_labels_that_are_but_equal_or_not_stand_beyond_what_half_precision_holds():
    assert not REGIMES["invalid_classes"].applies(LOSSES["npair"])
    labels = drawn("npair/mean/float32/33x4/last_class/0").arrays["labels"]
    assert labels.min() > 2**11
    assert len(set(labels)) > 1
    assert len(set(labels.astype(np.float16))) < len(set(labels))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("binary_cross_entropy/weight/none/float32/6x5/hidden/0", "prediction"),
        ("nll/weight/none/float32/6x5/hidden/0", "log_probabilities"),
        ("cross_entropy/weight/none/float32/6x5/hidden/0", "logits"),
        ("categorical_cross_entropy_prob/sample_weight/none/float32/6x5/hidden/0", "prediction"),
    ],
)
def test_nan_stands_under_weights_of_zero_alone_whatever_is_weighed(text, name):
    inputs = drawn(text)
    odd = ~np.isfinite(inputs.arrays[name])
    assert odd.any()
    weight = inputs.arrays.get("weight", inputs.arrays.get("sample_weight"))
    if weight.shape == odd.shape[-1:] and "target" in inputs.arrays and inputs.arrays["target"].dtype.kind == "i":
        weight = weight[inputs.arrays["target"]]
    spoiled = odd if weight.shape == odd.shape else odd.any(axis=-1)
    assert (weight[spoiled] == 0).all()
    assert (inputs.poisoned >= spoiled).all()


def test_masked_classes_have_no_probability_and_never_the_target_s():
    for text, name, nothing in (
        ("nll/none/float32/60x5/shielded/0", "log_probabilities", -np.inf),
        ("generalized_cross_entropy/none/float32/60x5/shielded/0", "prediction", 0.0),
    ):
        arrays = drawn(text).arrays
        gone = arrays[name] == nothing
        assert gone.any()
        assert not np.take_along_axis(gone, arrays["target"][:, None], axis=-1).any()


def test_parameters_beyond_their_ranges():
    found = {name: list(beyond(parameter)) for name, parameter in LOSSES["margin_softmax"].parameters.items()}
    expected = {"margin1": [0.0, 17.0], "margin2": [-1.0], "margin3": [], "scale": [0.0, -1.0], "extension": []}
    assert found == expected
    cases = unfold(load("full"), LOSSES, Selection(frozenset(["huber", "ctc"]), regimes=("invalid_options",)))
    assert {case.parameters for case in cases} == {(("delta", 0.0),), (("delta", -1.0),), (("blank", -1),)}


def test_a_case_of_an_invalid_parameter_has_one():
    assert parse_case("huber/delta=-3.0/none/float32/6x5/invalid_options/0", LOSSES)
    for name, says in (("huber/delta=0.5", r"delta=0\.0, delta=-1\.0"), ("log_cosh", "none that could be")):
        with pytest.raises(UsageError, match=says):
            parse_case(f"{name}/none/float32/6x5/invalid_options/0", LOSSES)


def test_half_precision_is_not_asked_for_parameters_that_it_overflows_on_but_for_those_that_vanish():
    cases = unfold(load("full"), LOSSES, Selection(frozenset(["categorical_focal"]), ("float16",), ("zeros",)))
    asked = {value for case in cases for name, value in case.parameters if name == "alpha"}
    assert max(asked) < 65504
    assert 0 < min(value for value in asked if value) < 1e-7


def test_a_number_that_is_none_by_default_is_put_to_its_ends():
    cases = unfold(load("full"), LOSSES, Selection(frozenset(["binary_focal"]), regimes=("to_scale", "boundary")))
    asked = {value for case in cases for name, value in case.parameters if name == "alpha"}
    assert asked >= {0.0, 1.0, 0.1, 1e-8}


def test_the_full_suite_asks_for_every_format_of_integers_and_every_tail():
    cases = unfold(load("full"), LOSSES, Selection())
    assert {word for case in cases for word in case.how if word in INTEGERS} == set(INTEGERS) - {"int64"}
    tails = {case.shape[-1] % 1024 for case in cases if case.shape and 1000 < case.shape[-1] < 2000}
    assert {1, 5, 1023} <= tails
    largest = {case.loss for case in cases if max(case.shape, default=0) >= 50_000 and case.regime != "many_rows"}
    classes = {n for n, loss in LOSSES.items() if loss.over == "rows" and "classes_permuted" in loss.relations}
    assert classes - largest <= {"multilabel_margin"}  # which compares each pair of classes


def test_an_axis_too_many_is_put_to_losses_of_samples_and_batches():
    for text, name, shape in (
        ("soft_dice/mean/float32/3x12/column/0", "target", (3, 1, 12)),
        ("npair/mean/float32/6x4/column/0", "labels", (6, 1)),
        ("linear_cross_entropy/none/float32/6x4x5/column/0", "target", (6, 1)),
        ("iou/none/float32/12x4/column/0", "target", (12, 1, 4)),
    ):
        assert drawn(text).arrays[name].shape == shape
