"""Whatever people call a loss, it is found; and what nobody calls one is answered with a suggestion."""

import pytest

from lossbench.cases.names import find_losses, simple, suggestion
from lossbench.errors import UsageError
from lossbench.losses import catalogue
from lossbench.records import Implementation

LOSSES = catalogue()


def offered(loss, via):
    return Implementation(loss, via, ("a",), ("a",), (), ("none",), ("float32",))


OFFERED = [
    offered("cross_entropy", "torch.nn.functional.cross_entropy"),
    offered("cross_entropy", "torch.nn.CrossEntropyLoss"),
    offered("squared_error", "keras.losses.MeanSquaredError(reduction=)"),
    offered("ctc", "torch.nn.functional.log_softmax + torch.nn.functional.ctc_loss"),
    offered("kl_div", "paddle.nn.KLDivLoss"),
]


@pytest.mark.parametrize(
    ("word", "loss"),
    [
        ("huber", "huber"),
        ("Huber", "huber"),
        ("HuberLoss", "huber"),
        ("mse", "squared_error"),
        ("l1", "absolute_error"),
        ("L1Loss", "absolute_error"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("cross-entropy", "cross_entropy"),
        ("MeanSquaredError", "squared_error"),
        ("ctc_loss", "ctc"),
        ("KLDivLoss", "kl_div"),
    ],
)
def test_names_of_ours_and_theirs(word, loss):
    assert loss in find_losses([word], LOSSES, OFFERED)


@pytest.mark.parametrize("name", [loss.name for loss in LOSSES.values() if not loss.variant])
def test_every_loss_is_found_by_its_own_name(name):
    assert name in find_losses([name], LOSSES, [])


def test_variants_are_not_losses():
    variant = next(loss.name for loss in LOSSES.values() if loss.variant)
    with pytest.raises(UsageError):
        find_losses([variant], LOSSES, [])


def test_several_words_find_all_of_them():
    assert find_losses(["huber", "mse"], LOSSES, []) >= {"huber", "squared_error"}


@pytest.mark.parametrize(("word", "says"), [("hubber", "did you mean huber"), ("xyzzy", "lossbench list")])
def test_an_unknown_name_is_answered_with_what_to_type_next(word, says):
    with pytest.raises(UsageError, match=says) as caught:
        find_losses(["huber", word], LOSSES, OFFERED)
    assert repr(word) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "bare"), [("CrossEntropyLoss", "crossentropy"), ("soft_dice", "softdice"), ("Loss", "loss"), ("L1", "l1")]
)
def test_simple_names(name, bare):
    assert simple(name) == bare


def test_suggestions():
    assert suggestion("flot32", ["float32", "float64"]).startswith("did you mean float32")
    assert suggestion("zzz", ["float32"]) == "it may be one of: float32"
    assert suggestion("zzz", []) == "nothing may stand there"
