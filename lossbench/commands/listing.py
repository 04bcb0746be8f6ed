"""The commands `list`, `show` and `doctor`: what there is to measure, how each framework spells it, what is here."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from lossbench.cases.names import find_losses
from lossbench.cases.suite import suites_folder
from lossbench.commands.targets import choose, install, installed_only
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.losses import catalogue
from lossbench.output import info_tables, tables
from lossbench.records import Greeting, Implementation, Target
from lossbench.reference.answers import default_path
from lossbench.wire import Absence


def gather(frameworks: Sequence[str], device: str = "cpu") -> dict[Target, Greeting | Absence]:
    """Start the frameworks just to hear what they offer.

    Raises:
        EnvironmentLacks: one that was asked for by name is not there.
    """
    with Crew(choose(frameworks, device)) as crew:
        words = crew.greet()
    if frameworks:
        installed_only(words, asked_by_name=True)
    return words


def offered(words: dict[Target, Greeting | Absence]) -> dict[str, list[Implementation]]:
    """The implementations by framework, of those that are there."""
    return {t.framework: list(w.implementations) for t, w in words.items() if isinstance(w, Greeting)}


def list_losses(frameworks: Sequence[str], regimes: bool) -> int:
    """Print the catalogue with who implements what, or the regimes.

    Raises:
        UsageError: regimes of one framework are asked for.
        EnvironmentLacks: a framework that was asked for by name is not there.
    """
    out = tables.console()
    if regimes:
        if frameworks:
            raise UsageError("--regimes are the same for every framework; leave out --framework")
        out.print(info_tables.regime_table())
        return 0
    words = gather(frameworks)
    losses = [loss for loss in catalogue().values() if not loss.variant]
    out.print(info_tables.catalogue_table(losses, offered(words)))
    _say_absent(words)
    return 0


def show(names: Sequence[str], frameworks: Sequence[str]) -> int:
    """Print losses in full: formula, domains, parameters, and each framework's exact call with what is known of it.

    Raises:
        UsageError: a name stands for no loss.
        EnvironmentLacks: a framework that was asked for by name is not there.
    """
    words = gather(frameworks)
    by_framework = offered(words)
    found = find_losses(names, catalogue(), [i for table in by_framework.values() for i in table])
    out = tables.console()
    for name in sorted(found):
        for part in info_tables.loss_in_full(catalogue()[name], by_framework):
            out.print(part)
    _say_absent(words)
    return 0


def doctor() -> int:
    """Print what is installed, which devices there are, and what each worker says of itself."""
    words = {**gather((), "cpu")}
    out = tables.console()
    facts = {
        "python": f"{platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "suites": str(suites_folder()),
        "certified answers": str(default_path()),
    }
    out.print(info_tables.facts_table(facts))
    out.print(info_tables.doctor_table({t: w for t, w in words.items() if isinstance(w, Greeting)}))
    for target, word in words.items():
        if isinstance(word, Absence):
            hint = install(target, word)
            out.print(f"{target.framework} is not there: {word.message}" + (f"; {hint}" if hint else ""), markup=False)
    return 0


def processor() -> str:
    """The processor's own name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _say_absent(words: dict[Target, Greeting | Absence]) -> None:
    for target, word in words.items():
        if isinstance(word, Absence):
            tables.console(stderr=True).print(f"{target.framework} is not there: {word.message}", markup=False)
