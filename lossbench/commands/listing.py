"""The commands `list` and `doctor`: what there is to measure, who offers it, what is here."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence

from lossbench.cases.names import suggestion
from lossbench.cases.stored import suites_folder
from lossbench.commands.named_targets import named_targets
from lossbench.commands.packaged import packages_of
from lossbench.commands.targets import choose, install, installed_only, parse_target
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.losses import catalogue
from lossbench.output import info_tables, tables
from lossbench.output.coverage import as_csv, as_json, as_markdown, as_table, offers
from lossbench.output.forms import checked_form
from lossbench.packages import TRY
from lossbench.records import Greeting, Implementation, Target
from lossbench.reference.answers import default_path
from lossbench.wire import Absence

FORMS = ("table", "csv", "json", "markdown")
STARTING = 120.0  # seconds for a worker to greet
TRYING = 600.0  # seconds for a worker that imports all the packages there are before it greets


def gather(
    frameworks: Sequence[str], device: str = "cpu", further: Sequence[Target] = (), *, tried: bool = False
) -> dict[Target, Greeting | Absence]:
    """Start the frameworks, and further targets, just to hear what they offer; `tried`: import their packages, too.

    Raises:
        EnvironmentLacks: one that was asked for by name is not there.
    """
    deadline, variables = (TRYING, {TRY: "1"}) if tried else (STARTING, None)
    with Crew([*choose(frameworks, device), *further], start_deadline=deadline, variables=variables) as crew:
        words = crew.greet()
    if frameworks:
        installed_only(words, asked_by_name=True)
    return words


def offered(words: Mapping[Target, Greeting | Absence]) -> dict[str, list[Implementation]]:
    """The implementations by framework, of those that are there."""
    return {t.framework: list(w.implementations) for t, w in words.items() if isinstance(w, Greeting)}


def list_losses(frameworks: Sequence[str], regimes: bool, coverage: bool = False, form: str = "table") -> int:
    """Print the catalogue with who implements what, or the regimes.

    Args:
        frameworks: those asked for by name; empty: all there are.
        regimes: print the kinds of input instead.
        coverage: with formats, parameters and gradients.
        form: one of `FORMS`.

    Raises:
        UsageError: options that cannot be meant together, or an unknown form.
        EnvironmentLacks: a framework that was asked for by name is not there.
    """
    if form not in FORMS:
        raise UsageError(f"--format {form!r}; {suggestion(form, FORMS)}")
    out = tables.console()
    if regimes:
        for given, option in ((frameworks, "--framework"), (coverage, "--coverage")):
            if given:
                raise UsageError(f"--regimes are the same for every framework; leave out {option}")
        tables.put(form, info_tables.Explained, info_tables.regimes(), lambda out: (info_tables.regime_table(),))
        return 0
    words = gather(frameworks)
    losses = [loss for loss in catalogue().values() if not loss.variant]
    rows = list(offers(losses, offered(words)))
    versions = {t.framework: w.version for t, w in words.items() if isinstance(w, Greeting)}
    if form == "csv":
        print(as_csv(rows, coverage), end="")
    elif form == "json":
        print(as_json(rows, coverage))
    elif form == "markdown":
        print(as_markdown(rows, versions, coverage), end="")
    else:
        out.print(as_table(rows) if coverage and rows else info_tables.catalogue_table(losses, offered(words)))
    say_absent(words)
    return 0


def doctor(written: Sequence[str] = (), form: str = "table") -> int:
    """Print what is installed, which devices there are, and what each worker says of itself.

    Beside the frameworks here it starts every target that the project names, and those that are asked for.
    """
    checked_form(form)
    further, problems = [], []
    for text in dict.fromkeys((*named_targets(), *written)):
        try:
            further.append(parse_target(text, "cpu"))
        except UsageError as error:
            problems.append(str(error))
    words = gather((), "cpu", further, tried=True)
    facts = {
        "python": f"{platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "suites": str(suites_folder()),
        "certified answers": str(default_path()),
    }
    there = {target: word for target, word in words.items() if isinstance(word, Greeting)}
    rows = [info_tables.greeted(target, word) for target, word in there.items()]
    rows += [
        info_tables.missing(target, word.message, install(target, word))
        for target, word in words.items()
        if isinstance(word, Absence)
    ]
    out = tables.console(stderr=form != "table")
    out.print(info_tables.facts_table(facts))
    tables.put(form, info_tables.Present, rows, lambda out: (info_tables.doctor_table(there),))
    for target, word in words.items():
        if isinstance(word, Absence):
            hint = install(target, word)
            out.print(f"{target} is not there: {word.message}" + (f"; to mend: {hint}" if hint else ""), markup=False)
    for target, word in words.items():
        if isinstance(word, Greeting) and (word.missing or any(i.package for i in word.implementations)):
            packages, lacking = packages_of(word)
            if packages or any(one.package for one in word.missing):
                out.print(f"packages of losses in {target}: {', '.join(packages) or 'none'}", markup=False)
            for text in lacking:
                out.print(f"  {target} {text}", markup=False, soft_wrap=True)
    for problem in problems:
        out.print(problem, markup=False)
    asked = {parse_target(text, "cpu") for text in written} if not problems else set()
    return 3 if problems or any(isinstance(words[target], Absence) for target in asked) else 0


def processor() -> str:
    """The processor's own name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def say_absent(words: Mapping[Target, Greeting | Absence]) -> None:
    """Name the frameworks that are not there, beside the output."""
    for target, word in words.items():
        if isinstance(word, Absence):
            tables.console(stderr=True).print(f"{target.framework} is not there: {word.message}", markup=False)
