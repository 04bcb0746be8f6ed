"""The command `compare`: what it refuses, what it writes, and what it keeps when something goes wrong in the middle."""

import math
import os
import resource
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from running import COMMAND, Done, InProcess, held, hide, is_gone, read, run, until

from lossbench import results
from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import fits, unfold
from lossbench.losses import catalogue
from lossbench.records import Status, Verdict

FAKES = ("--framework", "fakes")
COLUMNS = (
    "case,loss,framework,version,via,device,mode,dtype,reduction,shape,regime,status,compared,value_error,"
    "gradient_error,value_ulps,gradient_ulps,reference,worst,note,value_ulps_p99,value_ulps_median,"
    "gradient_ulps_p99,gradient_ulps_median,value_worst,gradient_worst,value_spread,gradient_spread,target,package,schema"
)
MEASURED = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES, Status.DIFFERS, Status.ACCEPTS)
LATEST = Path("results/latest/compare.csv")
FULL = Path("/dev/full")


def one_line(done: Done) -> str:
    """What was said, if it was one clear line."""
    lines = [line for line in done.err.splitlines() if not line.startswith("comparing: ")]
    assert len(lines) == 1, done.err
    assert done.out == ""
    return lines[0]


# wrong words


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["hubr"], 2, "there is no loss 'hubr'; did you mean huber?"),
        (["xyzzy"], 2, "`lossbench list`"),
        (["huber", ""], 2, "there is no loss ''"),
        (["dic"], 2, "did you mean bce_dice or soft_dice?"),
        (["binary_cross_entropy_clamped_at_100"], 2, "there is no loss"),  # a variant is no loss
        (["--suite", "smok"], 2, "did you mean smoke"),
        (["--suite", "nowhere/mine.toml"], 2, "there is no suite 'nowhere/mine.toml'"),
        (["--framework", "tourch"], 2, "did you mean torch"),
        (["--framework", ","], 2, "--framework ','; it may be one of: torch"),
        (["--framework", ""], 2, "--framework ''; it may be one of: torch"),
        (["--dtype", "float23"], 2, "did you mean float32"),
        (["--regime", "norml"], 2, "did you mean normal"),
        (["--device", "gpu"], 2, "it may be cpu or cuda"),
        (["--device", "cuda"], 3, "cannot use 'cuda' here, only cpu"),
        (["--seed", "first"], 2, "should be whole numbers with commas between"),
        (["--seed", "²"], 2, "should be whole numbers"),
        (["--seed", "1.5"], 2, "should be whole numbers"),
        (["--impl", "nothing.like.it"], 2, "is part of no public name; `lossbench list`"),
        (["huber", "--impl", "cross_entropy"], 2, "is part of no public name of these losses"),
        (["huber", "--dtype", "float16", "--regime", "ones"], 4, "--dtype float16 and --regime ones; leave one"),
        (["huber", "--regime", "ones", "--dtype", "bfloat16", "--suite", "speed"], 4, "the suite speed has no case"),
        (["ctc"], 4, "fakes implements none of these losses; `lossbench list`"),
        (["squared_error", "--impl", "lies", "--dtype", "float32", "--csv", "."], 2, "is a directory"),
        (["huber", "--csv", "/dev/null/x.csv"], 2, "give another path with --csv"),
        (["huber", "--csv", "x" * 300], 2, "give another path with --csv"),
        (["--suite", "x" * 300], 2, "there is no suite"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    arguments: list[str], code: int, says: str, lossbench: InProcess, folder: Path
) -> None:
    fakes = [] if "--framework" in arguments else FAKES
    LATEST.parent.mkdir(parents=True)
    LATEST.write_text("earlier results")
    done = lossbench("compare", *arguments, *fakes)
    assert done.code == code, done.err
    assert says in one_line(done)
    assert "pip install" not in done.err  # which would help with none of these
    assert LATEST.read_text() == "earlier results"


def test_no_implementation_with_the_reduction_leaves_nothing_measured(lossbench: InProcess, folder: Path) -> None:
    (folder / "mine.toml").write_text('[[cases]]\nregimes = ["normal"]\nreductions = ["mean_last"]\n')
    done = lossbench("compare", "huber", *FAKES, "--suite", "mine.toml")
    assert done.code == 4
    assert "nothing was measured: fakes has no reduction mean_last" in done.err
    assert "4 absent" in done.out
    assert {row["status"] for row in read(LATEST)} == {"absent"}


SUITES: dict[str, tuple[str, str]] = {
    "unknown key": ('[[cases]]\nregims = ["normal"]', "did you mean regimes"),
    "unknown regime": ('[[cases]]\nregimes = ["norml"]', "did you mean normal"),
    "no cases": ("schema = 1", "there is no [[cases]] block"),
    "empty list": ("[[cases]]\nregimes = []", "regimes is an empty list"),
    "syntax": ("[[cases]\nregimes", "cannot read the suite mine.toml"),
    "unknown loss": ('losses = ["hubr"]\n[[cases]]', "did you mean huber"),
    "too large": ('shapes.elements = ["100000000x100000000"]\n[[cases]]', "is too large"),
    "too many axes": (f'shapes.elements = ["{"x".join(["1"] * 100)}"]\n[[cases]]', "is too large"),
    "nothing in it": ('shapes.elements = ["6x0"]\n[[cases]]', "the regime `empty` has batches of nothing"),
    "too few axes": ('shapes.rows = ["6"]\n[[cases]]', "rows has the shape '6'; it takes at least 2 axes"),
    "two axes for sequences": ('shapes.ctc = ["6x5"]\n[[cases]]', "ctc has the shape '6x5'; it takes 3 axes"),
}


@pytest.mark.parametrize("kind", SUITES)
def test_a_suite_with_a_slip_in_it_is_refused_in_one_line(kind: str, lossbench: InProcess, folder: Path) -> None:
    text, says = SUITES[kind]
    (folder / "mine.toml").write_text(text)
    done = lossbench("compare", *FAKES, "--suite", "mine.toml")
    assert done.code == 2
    assert says in one_line(done)
    assert not LATEST.exists()


def test_a_suite_that_is_not_text_is_refused_in_one_line(lossbench: InProcess, folder: Path) -> None:
    (folder / "mine.toml").write_bytes(bytes(range(256)))
    done = lossbench("compare", *FAKES, "--suite", "mine.toml")
    assert done.code == 2
    assert "cannot read the suite mine.toml" in one_line(done)


@pytest.mark.parametrize(
    "shapes", ["", 'shapes.samples = ["3x12"]', 'shapes.elements = ["7"]', 'shapes.rows = ["1x1"]']
)
def test_a_loss_that_no_shape_of_the_suite_fits_has_a_usual_one(shapes: str, folder: Path) -> None:
    (folder / "mine.toml").write_text(f'{shapes}\n[[cases]]\ndtypes = ["float32"]\n')
    cases = unfold(load("mine.toml"), catalogue(), Selection())
    assert {case.loss for case in cases} == {loss.name for loss in catalogue().values() if not loss.variant}
    for case in (case for case in cases if not REGIMES[case.regime].must_reject):
        loss = catalogue()[case.loss]
        arrays = build(case, loss).arrays
        assert fits(case.shape, loss)
        assert all(arrays[name].shape == loss.argument_shape(name, case.shape) for name in arrays)


# what it writes


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The rows of honest, odd and lying fakes, and of some that raise and die."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "mine.toml").write_text(
        """
        losses = ["huber", "cross_entropy", "binary_cross_entropy_with_logits", "soft_dice"]
        [[cases]]
        reductions = ["all"]
        dtypes = ["float32", "bfloat16"]
        [[cases]]
        options = "each"
        dtypes = ["float64"]
        regimes = ["normal", "poison"]
        [[cases]]
        options = "together"
        dtypes = ["float16"]
        """
    )
    kept = {"XDG_CACHE_HOME": str(cache)}
    done = run("compare", *FAKES, "--suite", folder / "mine.toml", "--csv", folder / "all.csv", **kept)
    assert done.code == 0, done.err
    text = (folder / "all.csv").read_text()
    for name in ("raises", "exits"):
        path = folder / f"{name}.csv"
        chosen = ("squared_error", "--impl", f"trouble.{name}", "--regime", "zeros,poison", "--dtype", "float32")
        assert run("compare", *FAKES, *chosen, "--csv", path, **kept).code == 0
        text += path.read_text().partition("\n")[2]
    (folder / "all.csv").write_text(text)
    return folder / "all.csv"


def test_the_columns_are_the_contract_s(rows: Path) -> None:
    assert rows.read_text().partition("\n")[0] == COLUMNS


def test_rows_load_in_pandas_with_the_right_types(rows: Path) -> None:
    table = pd.read_csv(rows)
    for name in ("value_error", "gradient_error", "value_ulps", "gradient_ulps"):
        assert table[name].dtype == float
        assert (table[name].dropna() >= 0).all()
    assert table["compared"].dtype == int
    assert set(table["status"]) >= {"agrees", "differs", "rejects", "refuses", "crashes", "absent"}
    assert set(table["status"]) <= set(Status)
    assert set(table["reference"].dropna()) <= {"certified", "float64", "mixed"}


def test_every_case_in_the_rows_parses_back_to_itself(rows: Path) -> None:
    for row in read(rows):
        case = parse_case(row["case"], catalogue())
        assert str(case) == row["case"]
        assert (case.loss, case.dtype, case.reduction) == (row["loss"], row["dtype"], row["reduction"])
        assert (case.shape_text, case.regime) == (row["shape"], row["regime"])


def test_a_verdict_says_how_much_was_compared_and_what_is_unknown_is_empty(rows: Path) -> None:
    for row in read(rows):
        errors = {row[name] for name in ("value_error", "gradient_error", "value_ulps", "gradient_ulps")}
        if row["status"] in MEASURED:
            assert int(row["compared"]) > 0, row
            assert row["version"], row
        else:
            assert (int(row["compared"]), errors, row["reference"]) == (0, {""}, ""), row
            assert row["note"], row
        if row["status"] in ("agrees", "imprecise"):
            assert all(float(error) < math.inf for error in errors - {""}), row


def test_rows_come_back_as_verdicts_and_go_out_as_the_same_bytes(rows: Path, tmp_path: Path) -> None:
    verdicts = results.read(rows, Verdict)
    assert len(verdicts) == len(read(rows)) > 500
    writer = results.Writer(tmp_path / "again.csv", Verdict)
    for verdict in verdicts:
        writer.write(verdict)
    writer.close()
    assert (tmp_path / "again.csv").read_bytes() == rows.read_bytes()


def test_the_same_question_has_the_same_answer(lossbench: InProcess) -> None:
    chosen = ("compare", "huber", *FAKES, "--dtype", "float32", "--impl", "honest")
    lossbench(*chosen, "--csv", "one.csv")
    lossbench(*chosen, "--csv", "two.csv", "--cold")
    once, again = (Path(name).read_text().splitlines() for name in ("one.csv", "two.csv"))
    assert sorted(once) == sorted(again)  # they come in any order
    lossbench(*chosen, "--csv", "three.csv", "--seed", "0,7")
    assert {row["case"] for row in read(Path("one.csv"))} < {row["case"] for row in read(Path("three.csv"))}


def test_strict_is_1_where_something_differs_and_0_where_all_agrees(lossbench: InProcess) -> None:
    chosen = ("compare", "huber", *FAKES, "--regime", "normal", "--dtype", "float32")
    assert lossbench(*chosen).code == 0
    assert lossbench(*chosen, "--strict").code == 1  # ignores_delta is among them
    assert lossbench(*chosen, "--strict", "--impl", "honest").code == 0
    for trouble in ("exits", "raises"):
        chosen = ("compare", "mse", *FAKES, "--regime", "zeros", "--dtype", "float32", "--impl", f"trouble.{trouble}")
        assert (lossbench(*chosen).code, lossbench(*chosen, "--strict").code) == (0, 1)


def test_the_table_names_the_case_behind_the_worst_verdict(lossbench: InProcess) -> None:
    done = lossbench("compare", "huber", *FAKES, "--regime", "normal", "--dtype", "float32")
    lines = [line.strip() for line in done.out.splitlines()]
    lie = next(n for n, line in enumerate(lines) if line.endswith("fakes.lies.ignores_delta"))
    assert lines[lie].startswith("differs ")
    assert lines[lie + 1].startswith("huber/delta=")
    assert "want" in lines[lie + 2]
    assert f"rows in {LATEST}" in lines
    assert done.err.splitlines()[-1].startswith("comparing: ")  # plain lines where there is no terminal


# what goes wrong in the middle


def test_a_worker_that_is_killed_once_from_outside_costs_nobody_a_verdict(folder: Path) -> None:
    with held(folder, folder / "rows.csv") as running:
        os.kill(running.worker(), signal.SIGKILL)
        running.go()
        done = running.done()
    assert done.code == 0, done.err
    found = {(row["reduction"], row["via"]): row for row in read(folder / "rows.csv")}
    assert len(found) == 6
    killed = found.pop(("none", "held.waits"))
    assert killed["status"] == "agrees"  # asked again of a fresh worker, it answers
    assert {row["status"] for row in found.values()} == {"agrees"}
    assert "SIGKILL" in done.out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a worker that its parent has died")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_keeps_its_rows_and_leaves_no_process(number: int, code: int, folder: Path) -> None:
    with held(folder, folder / "rows.csv") as running:
        worker = running.worker()
        running.process.send_signal(number)
        done = running.done()
        until(lambda: is_gone(worker))
    assert done.code == code
    (kept,) = results.read(folder / "rows.csv", Verdict)
    assert (kept.via, kept.status) == ("held.answers", Status.AGREES)
    assert "Traceback" not in done.err
    if number != signal.SIGKILL:
        assert "interrupted; rows already written are kept" in done.err
        assert "agrees 1" in done.out


def test_two_runs_at_once_do_not_write_into_each_other_s_file(lossbench: InProcess, folder: Path) -> None:
    with held(folder, folder / "rows.csv") as running:
        running.worker()
        second = lossbench("compare", "huber", *FAKES, "--csv", folder / "rows.csv")
        running.go()
        first = running.done()
    assert second.code == 2
    assert "another run is writing" in one_line(second)
    assert first.code == 0
    assert [row["status"] for row in read(folder / "rows.csv")] == ["agrees"] * 6


def test_a_disk_that_fills_up_costs_the_rows_but_not_the_table(folder: Path) -> None:
    most = 8192

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [*COMMAND, "compare", "huber", *FAKES, "--dtype", "float32", "--csv", "rows.csv"],
        preexec_fn=small_disk, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "fakes.honest.huber" in done.stdout
    assert "problem: cannot write rows.csv: File too large; rows before this one are kept" in done.stdout
    assert "Traceback" not in done.stderr
    kept = results.read(folder / "rows.csv", Verdict)  # and no half row at the end
    assert 10 < len(kept) < done.stdout.count("\n") * 100
    assert most - 1000 < (folder / "rows.csv").stat().st_size <= most


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device that is always full")
def test_a_disk_that_is_full_from_the_start_is_said(lossbench: InProcess) -> None:
    done = lossbench("compare", "huber", *FAKES, "--csv", FULL)
    assert done.code == 4
    assert "cannot write /dev/full: No space left on device" in done.err


def test_rows_and_table_in_one_file_are_refused(folder: Path) -> None:
    done = run("compare", "huber", *FAKES, "--csv", "both.csv", shell="> both.csv")
    assert done.code == 2
    assert "both.csv is where standard output goes" in done.err
    done = run("compare", "huber", *FAKES, "--csv", "/dev/stdout", "--dtype", "float32", shell="| grep -c '^huber/'")
    assert int(done.out) > 10


# frameworks that are missing


def test_no_framework_at_all_is_3_with_what_to_install(lossbench: InProcess, no_frameworks: None) -> None:
    done = lossbench("compare", "mse")
    assert done.code == 3
    said = one_line(done)
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert f"pip install 'lossbench[{name}]'" in said
    assert not LATEST.exists()


def test_a_missing_framework_asked_for_by_name_is_3(lossbench: InProcess, no_frameworks: None) -> None:
    for names in ("torch", "fakes,torch"):
        done = lossbench("compare", "mse", "--framework", names)
        assert done.code == 3
        said = one_line(done)
        assert "No module named 'torch'" in said
        assert "pip install 'lossbench[torch]'" in said
        assert "lossbench[fakes]" not in said


@pytest.mark.framework("paddle")
@pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed")
def test_a_missing_framework_is_skipped_and_said_where_others_are_there(
    lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "torch tensorflow keras")
    done = lossbench("compare", "mse", "--regime", "normal", "--dtype", "float32")
    assert done.code == 0
    assert "skipped torch: ModuleNotFoundError: No module named 'torch'" in done.out
    assert "skipped tensorflow: " in done.out
    found = read(LATEST)
    gone = {(row["framework"], row["case"], row["compared"]) for row in found if row["status"] == "skipped"}
    assert gone == {("torch", "", "0"), ("tensorflow", "", "0")}
    assert "agrees" in {row["status"] for row in found if row["framework"] == "paddle"}
