"""`lossbench repro`: a script that runs in a process of its own, without lossbench, and shows the same numbers."""

import math
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from scripts_run import Make, Ran, maker

from lossbench.cases.suite import parse_case
from lossbench.commands.repro import LONGEST
from lossbench.judging.comparison import layout_of
from lossbench.losses import catalogue
from lossbench.records import Status

CASES = {
    "torch": [
        ("cross_entropy/ignore_index=1/none/float16/6x5/poison/0", "torch.nn.CrossEntropyLoss"),
        ("margin_softmax/mean/float64/6x5/normal/0", "lossbench.frameworks.torch.recipes_margins.margin_softmax"),
    ],
    "paddle": [
        ("binary_cross_entropy_with_logits/none/float32/6x5/zeros/0", "paddle.nn.BCEWithLogitsLoss"),
        ("huber/@strided/none/float32/6x5/normal/0", "paddle.nn.SmoothL1Loss"),
    ],
    "tensorflow": [
        (
            "soft_cross_entropy/label_smoothing=0.125/mean/bfloat16/6x5/normal/0",
            "keras.losses.CategoricalCrossentropy(from_logits=True, dtype=)",
        ),
        ("squared_error/mean/float32/0x5/empty/0", "keras.losses.MeanSquaredError"),
    ],
    "jax": [("huber/none/float64/6x5/log_uniform/0", "optax.losses.huber_loss")],
}
FROM_TORCH = "torch.nn.SmoothL1Loss"


def needs(framework: str) -> None:
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")


@pytest.fixture(scope="module")
def torch_scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    needs("torch")
    with maker(tmp_path_factory.mktemp("torch"), "torch") as make:
        yield make


def flat(nested: object) -> list[object]:
    return [one for part in nested for one in flat(part)] if isinstance(nested, list) else [nested]


def shows_its_verdict(ran: Ran) -> None:
    """The worst number, as the worker answered it, is among those that the script shows."""
    assert ran.done.returncode == 0, ran.done.stderr
    what, _, rest = ran.subject.verdict.worst.partition(": got ")
    if not rest:
        assert len(ran.shown["value"]) == 2
        return
    got = float(rest.split(",")[0])
    numbers = flat(ran.shown[what.partition("[")[0]][0])
    near = [
        n for n in numbers if (n is None and math.isnan(got)) or (n is not None and n == pytest.approx(got, rel=1e-4))
    ]
    assert near, (got, numbers)


@pytest.mark.parametrize("framework", CASES)
def test_the_script_shows_what_the_worker_answered(framework: str, tmp_path) -> None:
    needs(framework)
    with maker(tmp_path, framework) as make:
        for case, via in CASES[framework]:
            ran = make(case, via)
            shows_its_verdict(ran)
            code = "\n".join(line for line in ran.source.splitlines() if not line.startswith("#"))
            assert "lossbench" not in code


@pytest.mark.parametrize(
    ("word", "strides", "offset"), [("strided", (10, 2), 0), ("transposed", (1, 6), 0), ("unaligned", (5, 1), 1)]
)
def test_inputs_lie_in_memory_as_they_did(torch_scripts: Make, word: str, strides: tuple[int, ...], offset: int):
    line = 'print(inputs["target"].stride(), inputs["target"].storage_offset())'
    ran = torch_scripts(f"smooth_l1/@{word}/none/float32/6x5/normal/0", FROM_TORCH, line)
    assert ran.done.stdout.splitlines()[-1] == f"{strides} {offset}"


def test_inputs_that_were_strided_without_need_lie_as_usual(torch_scripts: Make) -> None:
    names = [f"smooth_l1/none/float32/3x2/normal/{seed}" for seed in range(20)]
    drawn = next(name for name in names if layout_of(parse_case(name, catalogue())) == "strided")
    ran = torch_scripts(drawn, FROM_TORCH)
    assert "@contiguous" in str(ran.subject.case)
    assert "def strided" not in ran.source


def test_class_indices_come_in_their_format_and_fractions_as_fractions(torch_scripts: Make) -> None:
    ran = torch_scripts("nll/@uint8/none/float32/6x5/normal/0", "torch.nn.NLLLoss", 'print(inputs["target"].dtype)')
    assert ran.done.stdout.splitlines()[-1] == "torch.uint8"
    fractions = torch_scripts("nll/none/float32/6x5/invalid_fractions/0", "torch.nn.NLLLoss")
    assert fractions.subject.verdict.status is Status.REJECTS
    assert fractions.done.returncode == 1
    assert "Long" in fractions.done.stderr


def test_what_should_have_been_refused_is_shown_with_what_is_wrong_about_it(torch_scripts: Make) -> None:
    ran = torch_scripts("kl_div_log_target/none/float32/6/column/0", "torch.nn.KLDivLoss(log_target=True)")
    assert ran.subject.verdict.status is Status.ACCEPTS
    assert ran.done.returncode == 0, ran.done.stderr
    assert "want an error: A target with one axis too many" in ran.done.stdout


@pytest.mark.parametrize(
    ("case", "titles"),
    [
        ("huber/@rows_permuted/none/float32/6x5/normal/0", {"value", "gradient of prediction"}),
        ("huber/@mean_of_none/none/float32/6x5/normal/0", {"value", "gradient of prediction"}),
        ("huber/@not_negative/none/float32/6x5/normal/0", {"value below zero"}),
        ("cross_entropy/@gradients_sum_to_zero/none/float32/6x5/normal/0", {"sum of the gradient of logits"}),
    ],
)
def test_a_relation_is_shown_by_both_of_its_sides(torch_scripts: Make, case: str, titles: set[str]) -> None:
    via = "torch.nn.HuberLoss" if case.startswith("huber") else "torch.nn.CrossEntropyLoss"
    ran = torch_scripts(case, via)
    assert ran.done.returncode == 0, ran.done.stderr
    assert titles <= set(ran.shown)
    for got, want in ran.shown.values():
        assert flat(got) == pytest.approx(flat(want), rel=1e-6, abs=1e-6)


def test_two_ways_are_shown_side_by_side(tmp_path) -> None:
    needs("tensorflow")
    with maker(tmp_path, "tensorflow", "tensorflow:compiled") as make:
        ran = make("huber/mean/float32/6x5/normal/0", "keras.losses.Huber(dtype=)", ruler="path")
    assert ran.done.returncode == 0, ran.done.stderr
    assert "  eager" in ran.done.stdout
    assert "tf.function(answer)" in ran.source
    assert flat(ran.shown["value"][0]) == pytest.approx(flat(ran.shown["value"][1]))


def test_a_large_case_is_made_as_small_as_still_shows_it(torch_scripts: Make) -> None:
    case = "cross_entropy/label_smoothing=0.125/none/bfloat16/2x50257/normal/0"
    ran = torch_scripts(case, "torch.nn.CrossEntropyLoss")
    assert len(ran.source) <= LONGEST
    assert ran.subject.made_from == case
    shows = ran.subject.verdict.worst.partition("[")[0]
    assert ran.done.returncode == 0, ran.done.stderr
    assert shows in ran.done.stdout


def lossbench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lossbench.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_bug_report_holds_script_output_and_versions(tmp_path) -> None:
    needs("torch")
    path = tmp_path / "report.md"
    case = "cross_entropy/ignore_index=1/none/float16/6x5/poison/0"
    done = lossbench("repro", case, "--framework", "torch", "--markdown", "-o", str(path))
    assert done.returncode == 0, done.stderr
    text = path.read_text()
    assert text.count("```") == 4
    assert "got nan, want 0" in text
    assert "- torch 2." in text
    assert "proven" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("huber/none/float32/6x5/kink",), "should read like"),
        (("huber/none/float32/6x5/kink/0", "--impl", "nonsense"), "no implementation of that name"),
        (("huber/none/float32/6x5/kink/0",), "has no template for scripts"),
    ],
)
def test_what_cannot_be_reproduced_is_said(words: tuple[str, ...], says: str) -> None:
    done = lossbench("repro", *words, "--framework", "fakes")
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
