"""Thirty regressions planted into a run that the fakes recorded, and twenty harmless changes: codes and culprits."""

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from clocked import Clock
from running import InProcess

from lossbench.commands import gate
from lossbench.commands.compare import Run
from lossbench.commands.holding import Scope, exit_code, hold
from lossbench.judging import baseline_file
from lossbench.judging.accepted import Accepted
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.results import Writer, read

HONEST = "fakes.honest.huber"
LIAR = "fakes.lies.ignores_delta"
NOTHING = {"value_error": None, "gradient_error": None, "value_ulps": None, "gradient_ulps": None, "compared": 0}
LOSSES = ("huber", "soft_dice", "cross_entropy")
Change = Callable[[list[Verdict]], list[Verdict]]


@dataclass
class Recorded:
    """A run of the fakes, the baseline it became, and the command that holds other rows against it."""

    run: list[Verdict]
    folder: Path
    lossbench: InProcess

    def gate(self, rows: Sequence[Verdict], *options: str) -> tuple[int, str]:
        path = self.folder / "planted.csv"
        write(path, rows)
        words = ("gate", "--results", path, "--framework", "fakes", "--baseline", self.folder / "cpu.csv", *options)
        done = self.lossbench(*words)
        return done.code, done.out + done.err


def write(path: Path, rows: Sequence[Verdict]) -> None:
    with closing(Writer(path, Verdict)) as writer:
        for row in rows:
            writer.write(row)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Rows and baseline of one real run of the fakes, one of whose lies somebody has declared."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.chdir(folder)
        request = gate.Request(LOSSES, frameworks=("fakes",), baseline=folder / "cpu.csv", accept=True, quiet=True)
        assert gate.main(replace(request, csv=folder / "measured.csv")) == 0
        rows = read(folder / "measured.csv", Verdict)
        known = [
            replace(row, status=Status.DEVIATES) if row.via == LIAR and row.status is Status.DIFFERS else row
            for row in rows
        ]
        write(folder / "rows.csv", known)
        assert gate.main(replace(request, results=folder / "rows.csv")) == 0
    assert {Status.AGREES, Status.DIFFERS, Status.DEVIATES} <= {row.status for row in known}
    return folder


@pytest.fixture
def recorded(measured: Path, folder: Path, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setenv("COLUMNS", "400")
    (folder / "cpu.csv").write_bytes((measured / "cpu.csv").read_bytes())
    return Recorded(read(measured / "rows.csv", Verdict), folder, lossbench)


def at(wanted: dict[str, str], was: Status = Status.AGREES, /, **others: object) -> Change:
    def change(rows: list[Verdict]) -> list[Verdict]:
        which = next(
            n
            for n, row in enumerate(rows)
            if row.status is was and all(getattr(row, name) == value for name, value in wanted.items())
        )
        rows[which] = replace(rows[which], **others)  # type: ignore[arg-type]
        return rows

    return change


def without(**wanted: str) -> Change:
    def change(rows: list[Verdict]) -> list[Verdict]:
        left = [r for r in rows if not all(getattr(r, name) == value for name, value in wanted.items())]
        assert len(left) < len(rows)
        return left

    return change


KINK = {"via": HONEST, "regime": "kink", "dtype": "float32"}
NORMAL = {"via": HONEST, "regime": "normal", "dtype": "float64"}
HALF = {"via": HONEST, "regime": "normal", "dtype": "float16"}
MEAN = {"via": HONEST, "reduction": "mean", "regime": "normal"}
SUM = {"via": HONEST, "reduction": "sum", "regime": "normal"}
DICE = {"via": "fakes.honest.soft_dice", "regime": "boundary"}
ENTROPY = {"via": "fakes.honest.cross_entropy", "regime": "confident", "dtype": "float32"}
WRONG = {"status": Status.DIFFERS, "value_error": 1e6}
CRASH = {"status": Status.CRASHES, **NOTHING}
HANG = {"status": Status.HANGS, **NOTHING, "note": "no answer within 20 s"}
REFUSE = {"status": Status.REFUSES, **NOTHING}

REGRESSIONS: dict[str, tuple[Change, str, str]] = {
    "a value, within the judge's limit": (at(KINK, value_error=60.0), HONEST, "value error 60 eps"),
    "a value, mean": (at(MEAN, value_error=30.0), HONEST, "value error 30 eps"),
    "a value, sum": (at(SUM, value_error=30.0), HONEST, "value error 30 eps"),
    "a value, float64": (at(NORMAL, value_error=20.0), HONEST, "value error 20 eps"),
    "a value, float16": (at(HALF, value_error=15.0), HONEST, "value error 15 eps"),
    "a value of a sample's loss": (at(DICE, value_error=63.0), "fakes.honest.soft_dice", "value error 63 eps"),
    "a value that differs": (at(KINK, **WRONG, worst="value[3]: got 2, want 1"), HONEST, "got 2, want 1"),
    "a gradient": (at(KINK, gradient_error=50.0), HONEST, "gradient error 50 eps"),
    "a gradient, float64": (at(NORMAL, gradient_error=12.0), HONEST, "gradient error 12 eps"),
    "a gradient that differs": (at(ENTROPY, status=Status.DIFFERS, gradient_error=9e9), "cross_entropy", "→ differs"),
    "a gradient that is gone": (at(KINK, status=Status.DIFFERS, note="no-gradient"), HONEST, "(no-gradient"),
    "a gradient never measured": (at(KINK, gradient_error=None), HONEST, "no gradient error could be measured"),
    "a value never measured": (at(KINK, value_error=None), HONEST, "no value error could be measured"),
    "NaN in the value": (at(KINK, status=Status.DIFFERS, value_error=math.nan), HONEST, "NaN or infinity"),
    "NaN in the gradient": (at(NORMAL, status=Status.DIFFERS, gradient_error=math.inf), HONEST, "NaN or infinity"),
    "a crash": (at(KINK, **CRASH, note="killed by SIGSEGV"), HONEST, "agrees → crashes (killed by SIGSEGV"),
    "a crash of what differed": (at({}, Status.DIFFERS, **CRASH), "fakes.", "differs → crashes"),
    "a crash of what deviates": (at({}, Status.DEVIATES, **CRASH), "fakes.", "deviates → crashes"),
    "a hang": (at(NORMAL, **HANG), HONEST, "agrees → hangs (no answer within 20 s"),
    "a hang of what differed": (at({}, Status.DIFFERS, **HANG), "fakes.", "differs → hangs"),
    "a refusal": (at(ENTROPY, **REFUSE, note="TypeError: no"), "cross_entropy", "agrees → refuses (TypeError: no"),
    "a refusal of what was wrong": (at({"regime": "ones"}, Status.DIFFERS, **REFUSE), "fakes.", "differs → refuses"),
    "a deviation that vanished": (
        at({}, Status.DEVIATES, status=Status.AGREES, value_error=0.5), "fakes.", "is no longer seen"),
    "a deviation that appeared": (at(KINK, status=Status.DEVIATES), HONEST, "not seen when accepted"),
    "a choice by contract that appeared": (at(KINK, status=Status.BY_CONTRACT), HONEST, "agrees → by-contract"),
    "a deviation unlike its declaration": (at({}, Status.DEVIATES, status=Status.DIFFERS), "fakes.", "→ differs"),
    "an implementation gone": (without(via=HONEST), HONEST, f"and no answer of {HONEST}"),
    "a format gone": (without(via=HONEST, dtype="float16"), HONEST, "float16/normal by fakes.honest.huber"),
    "a reduction gone": (without(via=HONEST, reduction="sum"), HONEST, "gone       huber/sum/float32/normal"),
    "input written into": (at(KINK, status=Status.DIFFERS, note="wrote-into-input"), HONEST, "(wrote-into-input"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_planted_regression_fails_and_names_the_culprit(kind: str, recorded: Recorded) -> None:
    change, culprit, words = REGRESSIONS[kind]
    code, shown = recorded.gate(change(list(recorded.run)))
    assert code == 1, shown
    assert words in shown
    assert culprit in shown
    assert "-> exit 1 (regressed: " in shown.splitlines()[-1]
    assert "lossbench compare --case " in shown or "gone  " in shown


SLOWER = {
    "slower by 15 %": {False: 1.15e-3},
    "its gradient slower by 15 %": {True: 3.45e-3},
    "both slower by half": {False: 1.5e-3, True: 4.5e-3},
}


@pytest.mark.parametrize("kind", SLOWER)
def test_what_is_slower_fails_by_the_same_door(kind: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    other = f"fakes={sys.executable}"
    clock = Clock({"fakes": [HONEST, LIAR], other: [HONEST, LIAR]})
    clock.install(monkeypatch)
    options = ("--speed", "--against", other, "--speed-suite", "speed-small")
    code, shown = recorded.gate(recorded.run, *options)
    assert code == 0, shown
    clock.seconds = {("fakes", HONEST, backward): seconds for backward, seconds in SLOWER[kind].items()}
    code, shown = recorded.gate(recorded.run, *options)
    assert code == 1, shown
    assert f"by {HONEST} of fakes: " in shown
    assert f"times as long as on {other}" in shown
    assert LIAR not in "".join(line for line in shown.splitlines() if line.startswith("slower "))
    assert f"-> exit 1 (regressed: {len(SLOWER[kind])} slower)" in shown


def test_there_are_thirty_of_every_kind() -> None:
    words = " ".join(REGRESSIONS)
    assert len(REGRESSIONS) >= 30
    for kind in ("value", "gradient", "NaN", "crash", "hang", "deviation that vanished", "implementation gone"):
        assert kind in words
    assert SLOWER


def everywhere(**others: object) -> Change:
    return lambda rows: [replace(row, **others) for row in rows]  # type: ignore[arg-type]


def scaled(factor: float) -> Change:
    """All figures by a factor, as another processor's last bits may have it."""

    def change(rows: list[Verdict]) -> list[Verdict]:
        names = ("value_error", "gradient_error", "value_ulps", "gradient_ulps")
        figures = [{n: None if (f := getattr(row, n)) is None else f * factor for n in names} for row in rows]
        return [replace(row, **some) for row, some in zip(rows, figures, strict=True)]  # type: ignore[arg-type]

    return change


def seeds(rows: list[Verdict]) -> list[Verdict]:
    return [replace(row, case=f"{row.case}7") for row in rows]


def also(**others: str) -> Change:
    """One more implementation or regime, like an honest one."""

    def more(row: Verdict) -> Verdict:
        case = row.case.replace(f"/{row.regime}/", f"/{others.get('regime', row.regime)}/")
        return replace(row, case=case, **others)  # type: ignore[arg-type]

    return lambda rows: [*rows, *(more(row) for row in rows if row.via == HONEST and row.regime == "kink")]


def hinging(rows: list[Verdict]) -> list[Verdict]:
    swapped = {Status.AGREES: Status.IMPRECISE, Status.IMPRECISE: Status.AGREES}
    return [replace(row, status=swapped.get(row.status, row.status)) for row in rows]


HARMLESS: dict[str, Change] = {
    "nothing": lambda rows: rows,
    "a reordered suite": lambda rows: rows[::-1],
    "sorted by implementation": lambda rows: sorted(rows, key=lambda row: row.via),
    "other seeds": seeds,
    "other shapes": lambda rows: [replace(row, case=row.case.replace("/6x5/", "/8x7/")) for row in rows],
    "AVX2 instead of AVX-512": scaled(1.3),
    "ARM instead of x86": scaled(0.7),
    "another order of summation": scaled(2.0),
    "figures that were rounded up": scaled(1.0001),
    "verdicts that hinge on ulps": hinging,
    "a newer patch version": everywhere(version="2.4.7"),
    "another local version": everywhere(version="2.4.6+cpu"),
    "other words in notes": at(KINK, note="said otherwise"),
    "another worst element": at(KINK, worst="value[1,1]: got 1, want 1.0000001"),
    "another ruler": everywhere(reference="float64"),
    "fewer numbers compared": at(KINK, compared=3),
    "a new implementation": also(via="fakes.honest.newest"),
    "a new regime": also(regime="unheard_of"),
    "a framework more": lambda rows: [*rows, replace(rows[0], framework="torch", via="torch.nn.HuberLoss")],
    "rows that were absent": lambda rows: [*rows, replace(rows[0], via="fakes.x", status=Status.ABSENT, **NOTHING)],
    "a better figure": at(KINK, value_error=0.0, gradient_error=0.0),
    "an empty note": everywhere(note=""),
}  # fmt: skip


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_change_does_not_fail(kind: str, recorded: Recorded) -> None:
    code, shown = recorded.gate(HARMLESS[kind](list(recorded.run)))
    assert code == 0, shown
    assert shown.splitlines()[-1].endswith("-> exit 0 (fine: nothing is worse)")


def test_there_are_twenty() -> None:
    assert len(HARMLESS) >= 20


@pytest.mark.parametrize(
    ("rows", "code", "word"),
    [
        (lambda rows: [], 3, "environment missing"),
        (lambda rows: [row for row in rows if row.loss == "huber"], 4, "measured only in part"),
        (lambda rows: [row for row in rows if row.regime != "kink"], 4, "measured only in part"),
        (lambda rows: [replace(row, status=Status.ABSENT, **NOTHING) for row in rows], 1, "regressed"),
    ],
)
def test_nothing_or_a_part_never_passes(rows: Change, code: int, word: str, recorded: Recorded) -> None:
    found, shown = recorded.gate(rows(list(recorded.run)))
    assert (found, f"-> exit {code} ({word}: " in shown.splitlines()[-1]) == (code, True), shown


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (("--seed", "5"), {}),
        (("--seed", "11,12"), {"OMP_NUM_THREADS": "2"}),
        ((), {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
    ],
)
def test_other_seeds_and_threads_really_measured_do_not_fail(
    options: tuple[str, ...], variables: dict[str, str], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    plain = ("gate", *LOSSES, "--framework", "fakes", "--baseline", "own.csv")
    assert recorded.lossbench(*plain, "--accept", "-q").code == 0
    done = recorded.lossbench(*plain, "--csv", "now.csv", *options)
    assert done.code == 0, done.out
    drawn = {row.case.rpartition("/")[2] for row in read(recorded.folder / "now.csv", Verdict)}
    assert drawn >= {"0", *",".join(options[1:]).split(",")} - {""}


def test_what_other_seeds_alone_show_is_told_and_does_not_fail(recorded: Recorded) -> None:
    plain = ("gate", "huber", "--framework", "fakes", "--baseline", "own.csv")
    recorded.lossbench(*plain, "--accept", "-q")
    run = [row for row in recorded.run if row.loss == "huber"]
    drawn = {row.case for row in run}
    worst = at(KINK, **WRONG)([replace(row, case=f"{row.case}7") for row in run])
    scope = Scope("cpu", ("huber",), frozenset({"fakes"}))
    held = hold(
        scope, baseline_file.read(recorded.folder / "own.csv"), [], as_run([*run, *worst]), nobody, date.min, (), drawn
    )
    assert [(one.kind, one.via) for one in held.findings if HONEST in one.via] == [("changed", HONEST)]
    assert "by other seeds than those accepted: agrees → differs" in held.findings[-1].reason
    assert exit_code(held, strict_better=False) == 0
    ours = hold(scope, held.rows, [], as_run([*worst, *at(KINK, **WRONG)(list(run))]), nobody, date.min, (), drawn)
    assert [one.kind for one in ours.findings if one.via == HONEST] == ["worse"]


def as_run(rows: Sequence[Verdict]) -> Run:
    target = Target("fakes")
    return Run(list(rows), greetings={target: Greeting("fakes", "1", "", "", ("cpu",), "", 1, False, 0.0, ())})


def nobody(row: Accepted) -> tuple[str, str]:
    return "unmeasured", "nobody answered"
