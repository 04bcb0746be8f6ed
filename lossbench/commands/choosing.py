"""The command `choose`: a few questions, and the losses that fit, with reasons, pitfalls and calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lossbench.cases.names import suggestion
from lossbench.chart import Chart, Leaf, Question, chart, resolve, walk
from lossbench.commands.gate import accepted_folder
from lossbench.commands.listing import offered
from lossbench.commands.targets import choose, installed_only
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging import pitfalls
from lossbench.judging.accepted import Accepted
from lossbench.judging.baseline_file import read as read_accepted
from lossbench.losses import catalogue
from lossbench.output import guide, spelled, tables
from lossbench.output.forms import checked_form
from lossbench.output.info_tables import code
from lossbench.records import Implementation

EXPLAIN = {"LOSSBENCH_EXPLAIN": "1"}


@dataclass(frozen=True, slots=True)
class Fitting:
    """A loss that fits, as programs read it."""

    loss: str
    why: str
    names: tuple[str, ...]  # the catalogue's forms of it; none: it is not here yet
    answers: str  # the options that lead to it
    framework: str = ""
    call: str = ""  # in that framework, where it has one


def main(arguments: Sequence[str], framework: str = "", tree: bool = False, form: str = "table") -> int:
    """Lead to the losses that fit the answers, by options or by asking at a terminal; or print the chart.

    Raises:
        UsageError: options that are no questions or answers of the chart, or none where nobody can be asked.
        EnvironmentLacks: the framework is not there.
    """
    checked_form(form)
    whole, out = chart(), tables.console(stderr=form != "table")
    given = answered(whole, arguments)
    name = choose([framework], "cpu")[0].framework if framework else ""
    if tree:
        if given or framework:
            raise UsageError("--tree prints the whole chart; leave out the other options")
        if form == "table":
            print_tree(whole, out)
        else:
            tables.put(form, Fitting, fitting(whole), lambda out: ())
        return 0
    if given:
        full, question = whole.settled(given)
        if question is not None:
            words = ", ".join(f"--{question.name} {word}" for word in whole.outcomes(question, full))
            raise UsageError(f"{question.text.removesuffix('?')}: {words}?")
    elif sys.stdin is not None and sys.stdin.isatty():
        full = ask(whole, out)
    else:
        raise UsageError(
            "nobody is there to ask; give the answers as options, such as --task classification --labels index; "
            "`lossbench choose --tree` has them all"
        )
    taken = " ".join(f"--{asked} {word}" for asked, word in full.items() if asked not in given) if given else ""
    leaves = whole.left(full)
    if not leaves:
        with_them = f" with {taken}" if taken else ""
        raise UsageError(
            f"no loss of the chart fits {' '.join(arguments)}{with_them}; `lossbench choose --tree` has what there is"
        )
    implementations = hear(name) if name else []
    if taken:
        out.print(f"taken for granted: {taken}\n", markup=False)
    if form == "table":
        print_leaves(leaves, out, name, implementations)
    else:
        said = " ".join(f"--{asked} {word}" for asked, word in full.items())
        tables.put(form, Fitting, [fit(leaf, said, name, implementations) for leaf in leaves], lambda out: ())
    return 0


def fit(leaf: Leaf, said: str, framework: str = "", implementations: Sequence[Implementation] = ()) -> Fitting:
    """A loss of the chart as a row."""
    losses = catalogue()
    names = resolve(leaf.loss, {loss.name: loss.form_of for loss in losses.values() if not loss.variant})
    ones = [one for name in names if (one := spelled.best(implementations, losses[name])) is not None]
    call = spelled.call_text(ones[0]) or ones[0].call if ones else ""
    return Fitting(leaf.loss, leaf.why, tuple(names), said, framework, " ".join(call.split()))


def fitting(whole: Chart) -> list[Fitting]:
    """The whole chart as rows: each loss with the answers that lead to it."""
    rows: list[Fitting] = []
    path: list[str] = []
    questions: list[str] = []
    for branch in walk(whole):
        del path[branch.depth :], questions[branch.depth :]
        said = f"--{questions[-1]} {branch.answer}" if questions and branch.answer else ""
        path.append(said)
        questions.append(branch.question.name if branch.question is not None else "")
        for leaf in branch.leaves if branch.question is None else ():
            rows.append(fit(leaf, " ".join(filter(None, path))))
    return rows


def answered(whole: Chart, arguments: Sequence[str]) -> dict[str, str]:
    """The answers given as options.

    Raises:
        UsageError: there is no such question, or no such answer to it.
    """
    questions = {question.name: question for question in whole.questions}
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        name = word.removeprefix("--").replace("-", "_")
        no = name.startswith("no_") and name.removeprefix("no_") in questions
        name = name.removeprefix("no_") if no else name
        if not word.startswith("--") or name not in questions:
            raise UsageError(f"{word!r}; {suggestion(word, [f'--{known}' for known in questions])}")
        question = questions[name]
        if not equals and question.is_switch and (not rest or rest[0].startswith("--")):
            value = "no" if no else "yes"
        elif no:
            raise UsageError(f"--no-{name} takes no answer, and is for questions of yes and no")
        elif not equals:
            value = rest.pop(0) if rest else ""
        value = value.replace("-", "_")
        if value not in question.answers:
            raise UsageError(f"--{name} {value!r}; {suggestion(value, list(question.answers))}")
        if given.setdefault(name, value) != value:
            raise UsageError(f"--{name} is given twice, as {given[name]} and {value}")
    return given


def ask(whole: Chart, out: Console) -> dict[str, str]:
    """Put the questions that matter, one by one, to whoever sits at the terminal."""
    answers: dict[str, str] = {}
    while (question := whole.next(answers)) is not None:
        answers[question.name] = put(question, list(whole.outcomes(question, answers)), out)
    return answers


def put(question: Question, words: Sequence[str], out: Console) -> str:
    """One question, until it has an answer: its number, its word, or nothing for the one that goes without saying."""
    out.print(f"\n{question.text}", style="bold")
    default = question.default if question.default in words else ""
    for number, word in enumerate(words, 1):
        meaning = question.answers[word]
        said = meaning if re.match(rf"{word}\b", meaning) else f"{word}: {meaning}"
        out.print(f"  {number}  {said}", markup=False)
    while True:
        try:
            said = input(f"{default or '?'}> ").strip().lower()
        except EOFError:
            raise KeyboardInterrupt from None
        if said.isdigit() and 0 < int(said) <= len(words):
            return words[int(said) - 1]
        if said in words or (not said and default):
            return said or default
        out.print(f"a number from 1 to {len(words)}, or a word: {', '.join(words)}", markup=False)


def hear(framework: str) -> list[Implementation]:
    """What one framework offers, every call taken apart."""
    with Crew(choose([framework], "cpu"), variables=EXPLAIN) as crew:
        words = crew.greet()
    installed_only(words, asked_by_name=True)
    return [one for some in offered(words).values() for one in some]


def print_leaves(leaves: Sequence[Leaf], out: Console, framework: str, implementations: list[Implementation]) -> None:
    """The losses that fit: why, what to mind, and the call."""
    rows = accepted_rows()
    losses = catalogue()
    forms = {loss.name: loss.form_of for loss in losses.values() if not loss.variant}
    for leaf in leaves:
        names = sorted(resolve(leaf.loss, forms), key=lambda name: name != leaf.loss)  # itself before its other forms
        out.print(Text.assemble((leaf.loss, "bold"), f": {leaf.why}"))
        if not names:
            out.print("    not yet here\n")
            continue
        minded = list(dict.fromkeys(text for name in names[:1] for text in pitfalls.pitfalls(losses[name])))
        if not framework:
            minded += [f"measured: {text}" for text in pitfalls.accepted(rows, names)]
        for text in minded:
            out.print(Padding(Text(f"- {text}"), (0, 0, 0, 4)))
        if framework:
            print_calls(names, out, framework, implementations, rows)
        out.print()


def print_calls(
    names: Sequence[str], out: Console, framework: str, implementations: list[Implementation], rows: list[Accepted]
) -> None:
    """The plainest call of each form in a framework, what is known of it, and what was measured of the others."""
    losses, none = catalogue(), True
    for name in names:
        one = spelled.best(implementations, losses[name])
        if one is None:
            continue
        none = False
        form = f", {name}" if len(names) > 1 else ""
        out.print(Padding(Text(f"in {framework}{form}{', as a recipe' if one.recipe else ''}:"), (0, 0, 0, 4)))
        out.print(Padding(code(spelled.call_text(one) or one.call), (0, 0, 0, 4)))
        for text in guide.copied(one):
            out.print(Padding(Text(f"- {text}"), (0, 0, 0, 8)))
        for text in pitfalls.of_implementation(one):
            out.print(Padding(Text(f"- {text}"), (0, 0, 0, 8)))
    if none:
        out.print(
            Padding(Text(f"{framework} has no such loss; `lossbench show {names[0]}` says who has"), (0, 0, 0, 4))
        )
    for text in pitfalls.accepted(rows, names, framework):
        out.print(Padding(Text(f"- measured: {text}"), (0, 0, 0, 4)))


def accepted_rows() -> list[Accepted]:
    """The verdicts that somebody looked at; none where there is no such file."""
    path = accepted_folder() / "cpu.csv"
    return read_accepted(path) if path.is_file() else []


def print_tree(whole: Chart, out: Console) -> None:
    """The whole chart, answers indented beneath their question."""
    forms = {loss.name: loss.form_of for loss in catalogue().values() if not loss.variant}
    for branch in walk(whole):
        said = f"{branch.answer}: " if branch.answer else ""
        if branch.question is not None:
            out.print(Text("  " * branch.depth + said + branch.question.text + f" (--{branch.question.name})"))
        else:
            found = ", ".join(
                leaf.loss + ("" if resolve(leaf.loss, forms) else " (not yet here)") for leaf in branch.leaves
            )
            out.print(Text.assemble("  " * branch.depth + said, (found, "bold")))
    out.print(Text("\nnot by a chart:"))
    for name, reason in whole.advanced.items():
        out.print(Text(f"  {name}: {reason}"))
