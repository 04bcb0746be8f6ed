"""Paddle's adapters, asked in processes of their own: this one never imports Paddle."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from alone import alone

from lossbench.crew import Crew
from lossbench.losses import catalogue
from lossbench.records import Ended, Greeting, Question, Status, Target, Verdict
from lossbench.wire import WireArray, fingerprint

pytestmark = [
    pytest.mark.framework("paddle"),
    pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed"),
]

TARGET = Target("paddle")
CHECKS = Path(__file__).with_name("paddle_checks.py")
FORMATS = ("float64", "float32")
SHAPES = {
    "elements": ((3, 4), (2, 3, 4)),
    "rows": ((3, 4), (2, 3, 4)),
    "samples": ((2, 6), (2, 3, 2)),
    "ctc": ((3, 7, 4),),
    "nll": ((3, 4),),  # NLLLoss may be asked about ignored rows only where they are few: see the test of that
}
BLOCKS = [(options, FORMATS) for options in ("default", "each", "together")]
FROM_PRIMITIVES = {  # of boxes, masks and adversarial training
    *("iou", "giou", "diou", "ciou", "tversky", "gradient_penalty", "lsgan_discriminator", "lsgan_generator"),
    *("gan_minimax_discriminator", "gan_saturating_generator", "gan_nonsaturating_generator"),
    *("gan_hinge_discriminator", "gan_hinge_generator", "wasserstein_critic", "wasserstein_generator"),
}
RIGHT = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES, Status.ABSENT)


def in_paddle(check: str, *, dies: bool = False) -> str:
    """What a function of paddle_checks.py prints, run in a process of its own."""
    return alone(str(CHECKS), check, dies=dies)


def test_the_table_is_whole(greeting: Greeting) -> None:
    """Every implementation says its call and offers formats that Paddle has on the processor."""
    assert greeting.version.startswith("3.")
    assert all(i.call for i in greeting.implementations)
    assert all(set(i.dtypes) <= set(FORMATS) for i in greeting.implementations if "cpu" in i.devices)


def test_ordinary_inputs_are_answered_rightly(verdicts: list[Verdict]) -> None:
    """Value and gradients follow the definition, or the formula that the adapter declares."""
    found = [v for v in verdicts if v.status not in RIGHT and "other-shape" not in v.note]
    assert not found, "\n".join(f"{v.case} by {v.via}: {v.status}, {v.worst}, {v.note}" for v in found)
    shaped = {(v.loss, v.reduction) for v in verdicts if "other-shape" in v.note}
    assert shaped <= {("cross_entropy", "none"), ("soft_cross_entropy", "none")}


def test_everything_offered_was_compared(greeting: Greeting, verdicts: list[Verdict]) -> None:
    """Each format and each reduction of each implementation, and each option it offers, met a case."""
    measured = [v for v in verdicts if v.status is not Status.ABSENT and v.compared]
    combined = {(v.loss, v.via, v.dtype, v.reduction) for v in measured}
    options = {(v.loss, v.via, option) for v in measured for option in options_of(v.case)}
    losses = catalogue()
    for one in greeting.implementations:
        if TARGET.device not in one.devices:
            continue
        loss = losses[one.loss]
        assert set(one.reductions) <= set(loss.reductions), one.key
        wanted = {(one.loss, one.via, dtype, word) for dtype in one.dtypes for word in one.reductions}
        assert wanted <= combined, wanted - combined
        offered = {n for n in one.parameters if loss.also.get(n)} | (set(one.arrays) - set(one.required))
        assert {(one.loss, one.via, name) for name in offered} <= options, one.key


def options_of(case: str) -> list[str]:
    """The names of the options in a case's printed name."""
    parts = case.split("/")
    return [option.partition("=")[0] for option in parts[1].split(",")] if len(parts) == 7 else []


def test_adapters_speak_of_the_losses_as_they_are(greeting: Greeting) -> None:
    """Names of arrays, parameters and definitions are the catalogue's own, and what a definition is given it takes."""
    losses = catalogue()
    for one in greeting.implementations:
        loss = losses[one.loss]
        assert set(one.arrays) <= set(loss.arguments), one.key
        assert {n for n, a in loss.arguments.items() if not a.optional} <= set(one.required), one.key
        assert set(one.parameters) <= set(loss.parameters), one.key
        for known in one.known:
            assert set(known.no_gradient) <= set(loss.differentiable), one.key
            assert set(known.options) <= {*one.arrays, *one.parameters}, one.key
            assert set(known.reductions) <= set(one.reductions), one.key
            if known.definition:
                formula = losses[known.definition]
                assert {*dict(known.sets), *dict(known.renames)} <= set(formula.parameters), (
                    f"{one.key}: {known.definition}"
                )
                needed = {name for name, argument in formula.arguments.items() if not argument.optional}
                assert needed <= set(loss.arguments), f"{one.key}: {known.definition}"


def test_a_batch_of_empty_labels_costs_the_worker_and_nothing_else(crew: Crew, greeting: Greeting) -> None:
    """CTCLoss divides by zero where no sample has a label; the crew names the signal and goes on."""
    key = next(i.key for i in greeting.implementations if i.loss == "ctc")
    for identity, lengths in enumerate(([0, 0], [1, 0])):
        crew.ask(TARGET, *ctc_question(identity, key, lengths))
    first, second = (reply.outcome for reply in crew.replies())
    assert first.ended is Ended.DIED
    assert "SIGFPE" in first.message
    assert second.ended is Ended.ANSWERED


def ctc_question(identity: int, key: str, label_lengths: list[int]) -> tuple[Question, list[WireArray]]:
    """Two samples of four frames and three symbols."""
    arrays = {
        "logits": WireArray("float32", np.zeros((2, 4, 3), np.float32)),
        "labels": WireArray("int64", np.ones((2, 1), np.int64)),
        "input_lengths": WireArray("int64", np.full(2, 4, np.int64)),
        "label_lengths": WireArray("int64", np.array(label_lengths, np.int64)),
    }
    question = Question(
        identity=identity,
        implementations=(key,),
        arrays=tuple(arrays),
        differentiable=("logits",),
        parameters=(("blank", 0), ("zero_infinity", False)),
        reduction="none",
        cotangents=0,
        fingerprint=fingerprint(list(arrays.values())),
    )
    return question, list(arrays.values())


def test_via_names_something_public() -> None:
    """Each part of `via` is what a user can import and call."""
    assert int(in_paddle("resolve_public_names")) >= 30


def test_defaults_are_those_of_the_losses() -> None:
    """A parameter that a case leaves alone means the same to the adapter as to the loss."""
    assert in_paddle("compare_defaults").split() == ["fine"]


def test_the_layers_give_the_bits_of_the_functions() -> None:
    """An entry under the name of a layer calls the function behind it: the layer gives the same, bit by bit."""
    assert int(in_paddle("compare_layers")) >= 21


def test_tensors_hold_what_they_were_given() -> None:
    """Bits and positive strides arrive, also those of bfloat16; leaves are fresh, and differentiable where asked."""
    assert in_paddle("hold_tensors").split() == ["fine"]


def test_gradients_come_to_the_leaves_that_were_reached() -> None:
    """A cotangent of None means ones; a leaf that the value does not depend on gets None."""
    assert in_paddle("pull_gradients").split() == ["fine"]


def test_ignored_rows_still_write_outside_of_a_mean() -> None:
    """NLLLoss writes a zero for each ignored row behind the one number of a mean, until the process falls over.

    Once this fails, that is mended: SHAPES can then do without its line for nll.
    """
    in_paddle("ignore_many_rows", dies=True)
