"""`lossbench repro`: a script that runs in a process of its own, without lossbench, and shows the same numbers."""

import subprocess
import sys
from csv import DictReader
from importlib.util import find_spec

import pytest

CASES = [
    ("torch", "cross_entropy/ignore_index=1/none/float16/6x5/poison/0", "torch.nn.CrossEntropyLoss"),
    ("paddle", "binary_cross_entropy_with_logits/none/float32/6x5/zeros/0", "paddle.nn.BCEWithLogitsLoss"),
    ("tensorflow", "soft_cross_entropy/label_smoothing=0.125/mean/bfloat16/6x5/normal/0", "keras.losses"),
    ("jax", "huber/none/float64/6x5/log_uniform/0", "optax.losses.huber_loss"),
]


def lossbench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lossbench.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def printed(text: str) -> dict[str, list[str]]:
    """What a script prints, by the name of what it shows."""
    shown: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("  got "):
            shown[name].append(line.removeprefix("  got").strip())
        elif line.startswith("  want"):
            shown[name].append(line.removeprefix("  want").strip())
        else:
            name = line
            shown[name] = []
    return shown


@pytest.mark.parametrize(("framework", "case", "via"), CASES)
def test_the_script_shows_what_the_worker_answered(framework, case, via, tmp_path):
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    path = tmp_path / "script.py"
    done = lossbench("repro", case, "--framework", framework, "--impl", via, "-o", str(path), "--no-run")
    assert done.returncode == 0, done.stderr
    source = path.read_text()
    assert "lossbench" not in source.replace("lossbench case:", "").replace("lossbench.frameworks.torch.recipes", "")
    alone = subprocess.run(
        [sys.executable, "-I", str(path)], capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path
    )
    assert alone.returncode == 0, alone.stderr
    shown = printed(alone.stdout)
    assert {"value"} < set(shown)
    csv = tmp_path / "rows.csv"
    words = ("--framework", framework, "--impl", via, "--csv", str(csv))
    compared = lossbench("compare", "--case", case, *words)
    assert compared.returncode == 0, compared.stderr
    header = source.splitlines()[0].removeprefix("# ")
    with csv.open() as file:
        (worst,) = (row["worst"] for row in DictReader(file) if header.startswith(f"{row['via']}: "))
    if ": got " in worst:  # the worst number as the worker answered it is among those that the script shows
        what, _, rest = worst.partition(": got ")
        got = float(rest.split(",")[0])
        name = next(name for name in shown if f"{name}[" in what or what.endswith(name))
        numbers = [float(part) for part in shown[name][0].replace("[", " ").replace("]", " ").replace(",", " ").split()]
        assert any(number == pytest.approx(got, rel=1e-4, nan_ok=True) for number in numbers), (got, numbers)


def test_a_bug_report_holds_script_output_and_versions(tmp_path):
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
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
def test_what_cannot_be_reproduced_is_said(words, says):
    done = lossbench("repro", *words, "--framework", "fakes")
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
