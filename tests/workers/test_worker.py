"""What a worker answers, asked through a crew, by the fakes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_questions import FAKES, HONEST, Asked, question, trouble

from lossbench.crew import Crew, Reply
from lossbench.floats import decode, format_named
from lossbench.hand import WORKER
from lossbench.records import Ended, Greeting, Target, Trial
from lossbench.wire import Absence, WireArray, fingerprint

DTYPES = ["float64", "float32", "float16", "bfloat16"]


def answer(crew: Crew, asked: Asked) -> Reply:
    """The one reply to a question with one implementation."""
    crew.ask(FAKES, *asked)
    (reply,) = crew.replies()
    return reply


def numbers(array: WireArray) -> np.ndarray:
    """The array's exact contents."""
    return decode(array.data, format_named(array.dtype))


@pytest.mark.parametrize("layout", ["", "strided", "transposed"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_values_and_gradients_for_each_cotangent(
    shared_crew: Crew, reduction: str, shape: tuple[int, ...], layout: str
) -> None:
    above = shape if reduction == "none" else ()
    for identity, dtype in enumerate(DTYPES):
        options: dict[str, Any] = {
            "dtype": dtype,
            "reduction": reduction,
            "cotangents": [above, above],
            "layout": layout,
            "repeat": True,
        }
        asked = question(identity, [HONEST], shape=shape, **options)
        reply = answer(shared_crew, asked)
        outcome = reply.outcome
        assert (outcome.ended, outcome.message, outcome.notes) == (Ended.ANSWERED, "", ())
        assert (outcome.identity, outcome.implementation) == (identity, HONEST)
        assert outcome.fingerprint == asked[0].fingerprint == fingerprint(asked[1])
        assert outcome.gradients == ("prediction", "target")
        assert outcome.calls == 3
        assert [array.dtype for array in reply.arrays] == [dtype] * 6
        prediction, target, *cotangents = map(numbers, asked[1])
        residual = prediction - target
        share = 1 / residual.size if reduction == "mean" and residual.size else 1
        value = residual**2 if reduction == "none" else getattr(np, reduction)(residual**2) if residual.size else None
        near = 8 * format_named(dtype).eps
        for turn, cotangent in enumerate(cotangents):
            got, slope, opposite = map(numbers, reply.arrays[3 * turn : 3 * turn + 3])
            if value is not None:
                np.testing.assert_allclose(got, value, rtol=near, atol=near)
            assert got.shape == above
            np.testing.assert_allclose(slope, 2 * residual * cotangent * share, rtol=near, atol=near)
            assert np.array_equal(opposite, -slope)


def test_without_a_cotangent_it_is_ones(shared_crew: Crew) -> None:
    asked = question(1, [HONEST], cotangents=[])
    reply = answer(shared_crew, asked)
    prediction, target = map(numbers, asked[1])
    np.testing.assert_allclose(numbers(reply.arrays[1]), 2 * (prediction - target), rtol=1e-6)


def test_a_cotangent_of_another_shape_gives_way_to_ones(shared_crew: Crew) -> None:
    reply = answer(shared_crew, question(1, [HONEST], reduction="sum", cotangents=[(3, 4)]))
    assert reply.outcome.ended is Ended.ANSWERED
    assert [array.data.shape for array in reply.arrays] == [(), (3, 4), (3, 4)]


def test_only_differentiable_arguments_get_a_gradient(shared_crew: Crew) -> None:
    record, arrays = question(1, [HONEST])
    record = type(record)(
        **{name: getattr(record, name) for name in record.__slots__} | {"differentiable": ("target",)}
    )
    reply = answer(shared_crew, (record, arrays))
    assert reply.outcome.gradients == ("target",)
    assert len(reply.arrays) == 2


def test_what_no_value_shows_is_noted(shared_crew: Crew) -> None:
    notes = {"writes_into_input": ("wrote-into-input",), "wavers": ("nondeterministic",), "shouts": ()}
    for dtype in ("float32", "bfloat16"):
        for layout in ("", "strided"):
            asked = question(1, [trouble(what) for what in notes], repeat=True, layout=layout, dtype=dtype)
            shared_crew.ask(FAKES, *asked)
            assert [reply.outcome.notes for reply in shared_crew.replies()] == list(notes.values())


def test_what_is_raised_is_told_in_few_words(shared_crew: Crew) -> None:
    outcome = answer(shared_crew, question(1, [trouble("raises")])).outcome
    assert outcome.ended is Ended.RAISED
    assert outcome.message.startswith("ValueError: this input is not to my taste because because")
    assert len(outcome.message) == 500


def test_an_unknown_implementation_and_a_reduction_that_is_refused(shared_crew: Crew) -> None:
    assert "LookupError: fakes has no implementation 'x'" in answer(shared_crew, question(1, ["x"])).outcome.message
    assert "'median' is none of" in answer(shared_crew, question(1, [HONEST], reduction="median")).outcome.message


def test_times_are_measured_with_and_without_backward_and_for_nothing(shared_crew: Crew) -> None:
    _, arrays = question(1, [HONEST], cotangents=[])
    names = ("prediction", "target")
    for implementation, backward in (("", False), (HONEST, False), (HONEST, True)):
        trial = Trial(5, implementation, names, names, (), "mean", backward, 0.01, "")
        measurement, sent = shared_crew.time(FAKES, trial, arrays)
        assert sent == ()
        assert 0 < measurement.spent < math.inf
        assert (measurement.identity, measurement.ended, measurement.message) == (5, Ended.ANSWERED, "")
        assert len(measurement.samples) >= 5
        assert measurement.loops >= 1
        assert all(0 < sample < math.inf for sample in measurement.samples)
        assert measurement.first_call is not None
    for number, (what, ended) in enumerate({"raises": Ended.RAISED, "exits": Ended.DIED}.items()):
        trial = Trial(number, trouble(what), names, names, (), "mean", True, 0.01, "")
        assert shared_crew.time(FAKES, trial, arrays).measurement.ended is ended


def test_an_inspected_trial_sends_the_answer_of_what_it_timed(shared_crew: Crew) -> None:
    _, arrays = question(1, [HONEST], cotangents=[])
    names = ("prediction", "target")
    prediction, target = map(numbers, arrays)
    for backward in (False, True):
        trial = Trial(5, HONEST, names, names, (), "mean", backward, 0.01, "", sets=3, inspect=True)
        measurement, sent = shared_crew.time(FAKES, trial, arrays)
        assert measurement.gradients == (names if backward else ())
        assert measurement.memory is None or measurement.memory >= 0
        value, *gradients = map(numbers, sent)
        np.testing.assert_allclose(value, ((prediction - target) ** 2).mean(), rtol=1e-6)
        if backward:
            np.testing.assert_allclose(gradients[0], 2 * (prediction - target) / prediction.size, rtol=1e-6)


def test_copying_is_timed_like_a_call(shared_crew: Crew) -> None:
    trial = Trial(5, "", (), (), (), "", False, 0.01, "", copied=1 << 16)
    measurement, sent = shared_crew.time(FAKES, trial, ())
    assert (measurement.ended, sent) == (Ended.ANSWERED, ())
    assert all(0 < sample < math.inf for sample in measurement.samples)


def test_the_greeting_tells_what_the_worker_is() -> None:
    with Crew([FAKES], threads=3, variables={"OMP_NUM_THREADS": "2"}) as crew:
        greeting = crew.greet()[FAKES]
        assert isinstance(greeting, Greeting)
        assert (greeting.framework, greeting.version, greeting.threads) == ("fakes", np.__version__, 3)
        assert (greeting.devices, greeting.device_name, greeting.flushes_subnormals) == (("cpu",), "cpu", False)
        assert HONEST in {implementation.key for implementation in greeting.implementations}
        assert crew.cpu_seconds == crew.import_seconds == greeting.import_seconds > 0


def test_a_worker_leaves_the_search_path_alone(tmp_path: Path) -> None:
    """Run by its path, a worker finds its own package, and neither its modules by themselves nor the parent's."""
    (tmp_path / "spying").mkdir()
    (tmp_path / "spying" / "fakes.py").write_text(
        "import sys\n"
        "from lossbench.frameworks.fakes import framework\n"
        "framework.version = ' '.join([*sys.path, *sorted(sys.modules)])\n"
    )
    target = Target("spying.fakes")
    with Crew([target], variables={"PYTHONPATH": str(tmp_path)}) as crew:
        greeting = crew.greet()[target]
        assert isinstance(greeting, Greeting)
        seen = set(greeting.version.split())
        assert {str(tmp_path), "lossbench.wire", "numpy"} <= seen
        assert not {str(WORKER.parent), "lossbench.crew", "lossbench.hand", "wire", "records", "pytest"} & seen


def test_what_is_missing_is_an_absence(tmp_path: Path) -> None:
    unknown, dotted = Target("zork"), Target("no.such.module")
    device, mode = Target("fakes", device="cuda"), Target("fakes", mode="xla")
    nowhere, broken = Target("fakes", interpreter=f"{tmp_path}/python"), Target("fakes", interpreter="/bin/false")
    with Crew([unknown, dotted, device, mode, nowhere, broken, FAKES]) as crew:
        words = crew.greet()
        expected = {
            unknown: ("lossbench.frameworks.zork", "no framework called 'zork'"),
            dotted: ("no", "No module named 'no'"),
            device: ("cuda", "cannot use 'cuda' here"),
            mode: ("xla", "offers no mode 'xla'"),
            nowhere: (f"{tmp_path}/python", "cannot run the interpreter"),
            broken: ("", "exited with code 1"),
        }
        for target, (missing, message) in expected.items():
            absence = words[target]
            assert isinstance(absence, Absence)
            assert absence.missing == missing
            assert message in absence.message
        assert isinstance(words[FAKES], Greeting)
        for target in expected:
            crew.ask(target, *question(1, [HONEST, "other"]))
        replies = list(crew.replies())
        assert len(replies) == 2 * len(expected)
        assert all(reply.outcome.ended is Ended.DIED and reply.outcome.message for reply in replies)
