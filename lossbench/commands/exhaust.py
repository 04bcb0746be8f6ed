"""The command `exhaust` around its engine: which passages, who is there, rows, table, exit code."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from lossbench.cases.names import find_losses, suggestion
from lossbench.commands.own import NOBODYS, Own
from lossbench.commands.packaged import named
from lossbench.commands.targets import askable, choose
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.exhausted import Exhausted
from lossbench.floats import FORMATS, encode
from lossbench.judging.exhaustion import Examiner, Findings
from lossbench.judging.patterns import Passage, Tally, passages, takes_patterns
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.output import plots, tables
from lossbench.output.curves import exhaust_pictures
from lossbench.output.exhaust_table import exhaust_table
from lossbench.output.forms import checked_form
from lossbench.records import Greeting, Implementation, Target
from lossbench.reference.balls import Undefined
from lossbench.reference.certify import certify
from lossbench.results import LATEST, Writer

WIDE = ("float32",)  # formats whose patterns take minutes: one passage for each argument unless all are asked for


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    losses: tuple[str, ...] = ()
    dtype: str = "bfloat16"
    frameworks: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    implementation: str = ""
    device: str = "cpu"
    all_options: bool = False
    resume: bool = False
    csv: Path | None = None
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation
    plot: Path | None = None  # a folder for pictures
    form: str = "table"  # one of `FORMS`


@dataclass(slots=True)
class Run:
    """What a run gave."""

    rows: list[Exhausted] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    stretches: int = 0
    passages: int = 0
    remark: str = ""
    wall: float = 0.0


def main(request: Request) -> int:
    """Run through the patterns, print the table, and return the exit code."""
    path = request.csv or LATEST / "exhaust.csv"
    checked_form(request.form)
    if request.plot:
        plots.needed()
    run = perform(request, path)
    out = tables.put(request.form, Exhausted, run.rows, lambda out: (exhaust_table(run.rows), ""))
    for (target, key), reason in (run.findings.failures | run.findings.refusals).items():
        out.print(f"{target} {key.partition(':')[2]}: {reason}", markup=False)
    if run.remark:
        out.print(run.remark, markup=False)
    inputs = sum(row.compared for row in run.rows)
    out.print(
        f"{run.passages} passages, {inputs} answers held against the nearest {request.dtype} in {run.wall:.1f} s "
        f"({inputs / max(run.wall, 1e-9) / 1e6:.1f} million a second)"
    )
    out.print(f"rows in {path}", markup=False)
    if request.plot:
        written = exhaust_pictures(run.findings.tallies, request.dtype, request.plot)
        out.print(f"{len(written)} pictures in {request.plot}", markup=False)
    return 0 if run.rows and not run.remark else 4


def perform(request: Request, path: Path) -> Run:
    """Put every passage to every target, writing rows to `path` at the end, and what is known now and then."""
    dtype = request.dtype
    if dtype not in FORMATS or dtype == "float64":
        allowed = [name for name in FORMATS if name != "float64"]
        raise UsageError(f"--dtype {dtype!r}; {suggestion(dtype, allowed)} (float64 has more patterns than time has)")
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    started = time.perf_counter()
    with Crew(targets, deadline=120) as crew:
        greetings = askable(crew.greet(), bool(request.frameworks or request.targets), request.implementation)
        plan = _passages(request, greetings)
        with closing(Writer(path, Exhausted)) as writer:
            examiner = Examiner(
                crew, greetings, catalogue(), plan, lambda implementation: named(request.implementation, implementation)
            )
            state = State(path.with_suffix(".state.json"), plan, list(greetings))
            if request.resume:
                examiner.findings = state.read()
            try:
                with tables.progress(examiner.stretches, "exhausting") as progress:
                    examiner.run(progress, lambda: state.write(examiner.findings))
            finally:
                rows = [
                    _row(target, key, argument, what, tally, greetings, dtype)
                    for (target, key, argument, what), tally in sorted(
                        examiner.findings.tallies.items(), key=lambda entry: (entry[0][1], str(entry[0]))
                    )
                ]
                for row in rows:
                    writer.write(row)
    wall = time.perf_counter() - started
    remark = _unreduced_only(request, greetings)
    return Run(rows, examiner.findings, examiner.stretches, len(plan), remark, wall)


def _passages(request: Request, greetings: Mapping[Target, Greeting]) -> list[Passage]:
    """What is to be run through.

    Raises:
        UsageError: the losses asked for do not work on single elements, or have no such argument.
    """
    offered = [i for greeting in greetings.values() for i in greeting.implementations]
    losses = catalogue()
    able = {name: loss for name, loss in losses.items() if not loss.variant and takes_patterns(loss)}
    words = request.losses or request.own.losses
    wanted = find_losses(words, losses, offered) if words else frozenset(able)
    chosen = [loss for name, loss in able.items() if name in wanted]
    if not chosen:
        raise UsageError(
            f"{', '.join(sorted(wanted))}: not one element at a time, so no argument's patterns say everything; "
            f"it may be one of: {', '.join(able)}"
        )
    found = [p for loss in chosen for p in passages(loss, request.dtype, request.arguments)]
    if request.dtype in WIDE and not request.all_options:
        found = list({(p.loss, p.argument): p for p in reversed(found) if not p.parameters}.values())[::-1]
    found = _at_their_defaults(found, offered, losses)
    if not found:
        names = sorted({a.name for loss in chosen for a in loss.arguments.values()})
        word = ", ".join(request.arguments)
        raise UsageError(f"--argument {word!r}; {suggestion(word, names)}")
    return found


def _at_their_defaults(
    found: Sequence[Passage], offered: Sequence[Implementation], losses: Mapping[str, Loss]
) -> list[Passage]:
    """The passages, and after each the same at the defaults of a user's own implementation where they are others."""
    whole = dict.fromkeys(found)
    for one in offered:
        for passage in [passage for passage in found if one.told and one.defaults and passage.loss == one.loss]:
            usual = {p.name: p.default for p in losses[one.loss].parameters.values()}
            own = {**dict(one.defaults), **dict(passage.parameters)}
            whole.setdefault(
                replace(passage, parameters=tuple(sorted((n, v) for n, v in own.items() if v != usual[n])))
            )
    return list(whole)


def _unreduced_only(request: Request, greetings: Mapping[Target, Greeting]) -> str:
    """Why a user's own implementation was not asked: it reduces, and each pattern needs an answer of its own."""
    guests = [i for target, word in greetings.items() if target.guest for i in word.implementations]
    held = [i for i in guests if "none" not in i.reductions]
    if not request.own or not held:
        return ""
    return (
        f"{held[0].via} returns a {' or '.join(held[0].reductions)}; every pattern needs an answer of its own, so let "
        "it return one number for each term (or take reduction='none'); `lossbench hunt` searches as it is"
    )


def _row(
    target: Target, key: str, argument: str, what: str, tally: Tally, greetings: Mapping[Target, Greeting], dtype: str
) -> Exhausted:
    name, _, via = key.partition(":")
    form = FORMATS[dtype]
    exact, one, two, three, more = tally.counts
    bits = encode(np.array([tally.at]), form).view(f"u{form.storage.itemsize}")[0]
    return Exhausted(
        loss=name,
        framework=target.framework,
        version=greetings[target].version,
        via=via,
        device=target.device,
        dtype=dtype,
        argument=argument,
        what=what,
        compared=tally.compared,
        exact=exact,
        one_step=one,
        two_steps=two,
        three_steps=three,
        more_steps=more,
        wrong=tally.wrong,
        worst_steps=tally.worst,
        worst_input=tally.at,
        worst_bits=f"0x{int(bits):0{2 * form.storage.itemsize}x}",
        got=tally.got,
        want=tally.want,
        certified=_certified(catalogue()[name], argument, what, tally),
        held="" if tally.passage is None else tally.passage.options,
    )


def _certified(loss: Loss, argument: str, what: str, tally: Tally) -> float | None:
    """What the definition proves at the worst input; None where it proves nothing."""
    if tally.passage is None or loss.textbook is None:
        return None
    numbers = {**dict(tally.passage.held), argument: tally.at}
    parameters = loss.settings(tally.passage.parameters)
    names = list(loss.arguments)
    wanted = [n for n in names if n in numbers and loss.arguments[n].domain.differentiable]
    try:
        proof = certify(loss.textbook, [numbers.get(n) for n in names], [n in wanted for n in names], parameters)
    except Undefined:
        return None
    if not proof.proven:
        return None
    return proof.value_high if what == "value" else float(proof.gradients[wanted.index(what.rsplit(maxsplit=1)[-1])][0])


class State:
    """What is known so far, in a file from which an interrupted run goes on."""

    def __init__(self, path: Path, plan: Sequence[Passage], targets: Sequence[Target]) -> None:
        """Remember what the run is about, so that another run's state is not taken for it."""
        self.path = path
        self.about = hashlib.blake2b(repr((plan, targets)).encode(), digest_size=8).hexdigest()

    def write(self, findings: Findings) -> None:
        """Replace the file by what is known now."""
        tallies = [[*_parts(t), *rest, _plain(tally)] for (t, *rest), tally in findings.tallies.items()]
        failures = [[*_parts(target), key, text] for (target, key), text in findings.failures.items()]
        refusals = [[*_parts(target), key, text] for (target, key), text in findings.refusals.items()]
        known = {
            "about": self.about,
            "done": findings.done,
            "tallies": tallies,
            "failures": failures,
            "refusals": refusals,
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(known))
        fresh.replace(self.path)

    def read(self) -> Findings:
        """What an earlier run of the same passages on the same targets had found.

        Raises:
            UsageError: there is no such file, or it is about another run.
        """
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError) as error:
            raise UsageError(f"--resume: {self.path} cannot be read ({error}); leave it out to begin anew") from None
        if known.get("about") != self.about:
            raise UsageError(f"--resume: {self.path} is about another run; leave it out, or ask for the same again")
        findings = Findings(done=known["done"])
        for *parts, key, argument, what, tally in known["tallies"]:
            passage = tally.pop("passage")
            held, options = (tuple((n, v) for n, v in passage[name]) for name in ("held", "parameters"))
            tally["by_exponent"] = {int(exponent): worst for exponent, worst in tally["by_exponent"].items()}
            tally["passage"] = Passage(passage["loss"], passage["argument"], held, options, passage["dtype"])
            findings.tallies[Target(*parts), key, argument, what] = Tally(**tally)
        for name in ("failures", "refusals"):
            for *parts, key, text in known[name]:
                getattr(findings, name)[Target(*parts), key] = text
        return findings


def _parts(target: Target) -> tuple[str, ...]:
    return tuple(getattr(target, each.name) for each in fields(target))


def _plain(tally: Tally) -> dict[str, object]:
    return asdict(tally)
