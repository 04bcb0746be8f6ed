"""The command `show`: a loss in full, in every framework's words, and from one framework to another."""

from collections.abc import Sequence
from importlib.util import find_spec

import pytest
from running import InProcess

from lossbench.commands import showing
from lossbench.commands.showing import EXPLAIN, Heard, Request
from lossbench.crew import Crew
from lossbench.losses import catalogue
from lossbench.output.info_tables import declared
from lossbench.output.spelled import best, call_text, default_reduction, source_needed
from lossbench.records import Greeting, Implementation, Known, Spelled, Status, Target, Verdict, option_text
from lossbench.wire import Absence

FAKES = ("--framework", "fakes")
LOSSES = [loss for loss in catalogue().values() if not loss.variant]
Words = dict[Target, Greeting | Absence]


def needs(*names: str) -> Sequence[pytest.MarkDecorator]:
    """Skipped by name where one of these frameworks is missing."""
    missing = [name for name in names if find_spec(name) is None]
    return [
        *(pytest.mark.framework(name) for name in names),
        pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed"),
    ]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which nothing needs a second line."""
    monkeypatch.setenv("COLUMNS", "2000")


def squeezed(text: str) -> str:
    """Text without the white space that tables and indentation put in."""
    return "".join(text.split())


def in_parts(shown: str) -> dict[str, str]:
    """What `show` says of each loss, under the line that is its name."""
    parts: dict[str, str] = {}
    name = ""
    for line in shown.splitlines():
        name = line if line in catalogue() else name
        parts[name] = parts.get(name, "") + line + "\n"
    return parts


@pytest.fixture(
    scope="module",
    params=["fakes", *(pytest.param(name, marks=needs(name)) for name in ("torch", "paddle", "tensorflow", "jax"))],
)
def words(request: pytest.FixtureRequest) -> Words:
    """What a framework says of itself, every call taken apart."""
    with Crew([Target(request.param)], variables=EXPLAIN) as crew:
        return crew.greet()


def test_show_has_everything_there_is_to_say(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "hear", lambda request, ends: Heard(words, tuple(LOSSES)))
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    done = lossbench("show", *(loss.name for loss in LOSSES), "--no-run")
    assert done.code == 0
    parts = in_parts(done.out)
    assert sorted(parts) == sorted(loss.name for loss in LOSSES)
    for loss in LOSSES:
        part = parts[loss.name]
        shown = squeezed(part)
        assert all(squeezed(line) in shown for line in loss.doc.splitlines())
        for argument in loss.arguments.values():
            assert squeezed(f"{argument.name}{' (optional)' if argument.optional else ''}{argument.domain}") in shown
        for parameter in loss.parameters.values():
            assert squeezed(f"{parameter.name}{parameter.range or 'a choice'}, default ") in shown
            assert f"default{option_text(parameter.default)}" in shown
        assert squeezed(f"reductions: {', '.join(loss.reductions)}") in shown
        mine = [i for i in greeting.implementations if i.loss == loss.name]
        for one in mine:
            assert f"{target.framework}: {one.via}" in part
            assert squeezed(call_text(one)) in shown
            assert squeezed(one.call) in shown or not source_needed(one)
            assert call_text(one) or source_needed(one)
            for reduction in one.reductions:
                assert reduction in part.partition(f"{target.framework}: {one.via}")[2]
            assert f"formats {', '.join(one.dtypes)}" in part
            for known in one.known:
                assert f"known: {known.reason}" in part
        assert (f"{target.framework}: no such loss" in part) == (not mine)
        assert "measured:" not in part


def test_every_adapter_that_calls_its_framework_is_taken_apart(words: Words) -> None:
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    for one in greeting.implementations:
        if not one.recipe and target.framework != "fakes":
            spelled = {entry.name for entry in one.spelled}
            lost = set(one.parameters) - spelled
            assert not lost or source_needed(one), f"{one.key}: {lost} is in no call, and the code is not shown"
            assert set(one.arrays) & spelled or source_needed(one), one.key


def test_a_worker_explains_itself_only_if_asked() -> None:
    with Crew([Target("fakes")]) as crew:
        (greeting,) = crew.greet().values()
    assert isinstance(greeting, Greeting)
    assert not any(one.spelled for one in greeting.implementations)


def test_show_takes_any_name_and_several(lossbench: InProcess) -> None:
    done = lossbench("show", "MSELoss", "huber_loss", "--no-run", *FAKES)
    assert done.code == 0
    assert {"squared_error", "huber"} <= set(done.out.splitlines())


def test_what_is_shown_is_measured(wide: None, lossbench: InProcess) -> None:
    """Honest implementations are confirmed, and a lie is told by the case that shows it."""
    done = lossbench("show", "huber", *FAKES)
    assert done.code == 0
    honest = done.out.partition("fakes: fakes.honest.huber")[2].partition("fakes: ")[0]
    assert "measured: " in honest
    assert "agrees of" in honest
    assert "differs" not in honest
    assert "measured: differs in huber/" in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "hubr", *FAKES], "did you mean huber?"),
        (["show", "", *FAKES], "`lossbench list`"),
        (["show", "huber", "--framework", "tourch"], "did you mean torch"),
        (["show", "huber", "--from", "torch"], "--from and --to go together"),
        (["show", "huber", "--from", "tf", "--to", "keras"], "name two frameworks"),
        (["show", "huber", "--from", "torch", "--to", "paddle", *FAKES], "leave out --framework"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(arguments: list[str], says: str, lossbench: InProcess) -> None:
    done = lossbench(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert says in done.err


def test_the_target_has_to_be_there_and_what_one_comes_from_need_not(
    wide: None, lossbench: InProcess, no_frameworks: None
) -> None:
    done = lossbench("show", "huber", "--from", "torch", "--to", "fakes")
    assert done.code == 0
    assert "huber: from torch to fakes" in done.out
    assert "torch: not there" in done.out
    assert "torch is not there" in done.err
    done = lossbench("show", "huber", "--from", "fakes", "--to", "torch")
    assert done.code == 3
    assert done.out == ""


# the way from one framework to another


def shown(lossbench: InProcess, *arguments: str) -> str:
    """What `show` prints, white space made one."""
    done = lossbench("show", *arguments)
    assert done.code == 0, done.err
    return " ".join(done.out.split())


@pytest.mark.parametrize("target", [pytest.param("paddle", marks=needs("torch", "paddle"))])
def test_smooth_l1_from_torch_to_paddle(wide: None, lossbench: InProcess, target: str) -> None:
    """The target's call stands first, says is_huber=False, renames beta, and was measured to agree."""
    text = shown(lossbench, "smooth_l1", "--from", "torch", "--to", target)
    call = "paddle.nn.SmoothL1Loss(delta=beta, is_huber=False, reduction=reduction)(input=prediction, label=target)"
    assert call in text
    assert text.index(call) < text.index("torch.nn.SmoothL1Loss(beta=beta")
    assert "beta beta delta another name" in text
    assert "is_huber=False its default is True" in text
    assert "`huber` with delta = beta, divided by beta" in text
    assert "paddle has no float16, bfloat16" in text
    assert "so both give the definition's numbers: the calls agree" in text
    assert "measured, paddle: " in text


@pytest.mark.parametrize("source", [pytest.param("torch", marks=needs("torch", "tensorflow"))])
def test_cross_entropy_to_keras_turns_the_arguments_round(wide: None, lossbench: InProcess, source: str) -> None:
    text = shown(lossbench, "cross_entropy", "--from", source, "--to", "keras", "--no-run")
    assert "the arrays stand in another order: target, logits" in text
    assert "from_logits=True its default is False" in text
    assert "the reduction mean is written sum_over_batch_size" in text
    assert "tensorflow does not take weight, label_smoothing" in text
    assert "measured" not in text


@pytest.mark.parametrize("source", [pytest.param("torch", marks=needs("torch", "tensorflow"))])
def test_another_form_says_what_it_takes_instead(wide: None, lossbench: InProcess, source: str) -> None:
    """torch takes log-probabilities for KL, Keras probabilities; both are measured against their own definitions."""
    text = shown(lossbench, "kl_div", "--from", source, "--to", "tensorflow")
    assert "it takes prediction, probabilities in [0, 1], in the place of log_prediction, log probabilities" in text
    assert "clips both distributions to 1e-7 and 1" in text
    assert "measured, tensorflow: " in text


# the words of it


def implementation(via: str = "a.B", **fields: object) -> Implementation:
    """An implementation of huber."""
    standard = {
        "arrays": ("prediction", "target"),
        "required": ("prediction", "target"),
        "parameters": ("delta",),
        "reductions": ("none", "mean", "sum"),
        "dtypes": ("float32",),
    }
    return Implementation("huber", via, **{**standard, **fields})  # type: ignore[arg-type]


def test_calls_of_functions_of_classes_and_with_something_around() -> None:
    plain = (Spelled("prediction", "a.f", "input", "prediction"), Spelled("delta", "a.f", "d", "delta", "1.0"))
    assert call_text(implementation(spelled=plain)) == "a.f(input=prediction, d=delta)"
    made = (Spelled("delta", "a.B", "d", "delta"), Spelled("", "a.B", "soft", "True", "True"))
    called = (Spelled("prediction", "a.B(...)", "y_pred", "prediction"),)
    assert call_text(implementation(spelled=made + called)) == "a.B(d=delta)(y_pred=prediction)"
    assert call_text(implementation(spelled=called)) == "a.B()(y_pred=prediction)"
    around = (Spelled("", "", "", "_.squeeze(-1)"),)
    assert call_text(implementation(spelled=plain + around)) == "a.f(input=prediction, d=delta).squeeze(-1)"
    assert call_text(implementation()) == ""
    assert call_text(implementation("a.f + a.compiled", spelled=plain)) == ""  # half of it is not there


def test_the_plainest_call_comes_first() -> None:
    """Native before recipes, right before deviating, and rather one that takes everything."""
    huber = catalogue()["huber"]
    recipe, wrong = implementation("recipe", recipe=True), implementation("wrong", known=(Known("scaled"),))
    poor = implementation("poor", parameters=(), reductions=("none",))
    right = implementation("right")
    assert best([recipe, wrong, poor, right], huber) == right
    assert best([recipe, wrong, poor], huber) == wrong
    assert best([recipe], huber) == recipe
    assert best([], huber) is None


def test_the_default_reduction_is_said_by_our_name() -> None:
    keras = Spelled("reduction", "a.B", "reduction", "reduction", "'sum_over_batch_size'")
    one = implementation(spelled=(keras,), words=(("none", "None"), ("mean", "sum_over_batch_size")))
    assert default_reduction(one) == "mean"
    assert default_reduction(implementation(reductions=("none",))) == "none"


def test_declarations_alike_but_for_the_format_are_said_once() -> None:
    known = tuple(
        Known("clips", definition="clipped", sets=(("low", low),), dtypes=(dtype,))
        for dtype, low in (("float32", 1e-7), ("float64", 1e-8))
    )
    assert declared(implementation(dtypes=("float32", "float64"), known=known)) == ["clips; its formula is clipped"]
    (some,) = declared(implementation(dtypes=("float32", "float64", "float16"), known=known))
    assert some == "clips (with float32, float64); its formula is clipped"
    scaled = Known(
        "scaled", definition="huber", renames=(("delta", "beta"),), sets=(("epsilon", 0.5),), options=("beta",)
    )
    assert declared(implementation(known=(scaled,))) == [
        "scaled (with beta); its formula is huber with delta = beta, epsilon = 0.5"
    ]


def test_a_deviating_target_is_not_called_right() -> None:
    from lossbench.output.guide import proof

    one = implementation()

    def conclusion(status: Status) -> str:
        verdict = Verdict("huber/none/float32/6x5/normal/0", "huber", "here", "1", one.via, "cpu", "eager", "float32",
                          "none", "6x5", "normal", status, 30, 1e6, 1e6, note="scaled")  # fmt: skip
        return list(proof(("there", "here"), (None, one), [verdict]))[-1]

    assert "gives the definition's numbers" in conclusion(Status.AGREES)
    assert "except where the notes" in conclusion(Status.DEVIATES)
    assert "not to be trusted" in conclusion(Status.DIFFERS)
    assert "not to be trusted" in conclusion(Status.CRASHES)
    assert list(proof(("there", "here"), (None, one), [])) == []


def test_cases_that_corrupt_memory_are_not_put() -> None:
    (loss,) = (loss for loss in LOSSES if loss.name == "huber")
    harmful = implementation(known=(Known("writes behind", options=("delta",), corrupts=True),))
    from lossbench.cases.suite import Selection, load
    from lossbench.cases.unfolding import unfold

    cases = unfold(load(showing.SUITE), catalogue(), Selection(frozenset([loss.name])))
    put = [case for case in cases if not showing.corrupts(case, [harmful])]
    assert 0 < len(put) < len(cases)
    assert all(not case.parameters for case in put)
    assert Request(("huber",)).run
