"""`pytest --lossbench-suite SUITE`: each case of a suite is a test; frameworks still run in workers of their own.

Pytest loads this module wherever lossbench is installed, so it imports nothing of lossbench before the option is given.
A case fails where a verdict is wrong; with `--lossbench-baseline`, where one is worse than accepted there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lossbench.commands.asked_by_pytest import Asked

OPTIONS = {
    "suite": ("SUITE", "A suite's name or the path of its .toml file; its cases become tests."),
    "framework": ("NAMES", "Names with commas between; all that are installed."),
    "baseline": ("PATH", "Fail what is worse than accepted there, and nothing else."),
    "shard": ("I/N", "Part I of N of the suite."),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("lossbench", "verdicts on loss functions")
    for name, (shown, explained) in OPTIONS.items():
        group.addoption(f"--lossbench-{name}", metavar=shown, default="", help=explained)


def pytest_configure(config: pytest.Config) -> None:
    """Read suite and baseline, so that a slip of the pen is told before anything is collected."""
    given = {name: str(config.getoption(f"--lossbench-{name}")) for name in OPTIONS}
    if not given["suite"]:
        for name in (name for name, text in given.items() if text):
            raise pytest.UsageError(f"--lossbench-{name} says something of --lossbench-suite, which is not given")
        return
    from lossbench.commands.asked_by_pytest import Asked
    from lossbench.errors import UsageError

    try:
        asked = Asked(**given)
    except UsageError as error:
        raise pytest.UsageError(f"lossbench: {error}") from error
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # who names no file asks for the suite alone
    config.pluginmanager.register(Watch(asked, given["suite"]), "lossbench-suite")


class Watch:
    """Adds the cases, and sees to it that a run in which nothing was measured does not pass."""

    def __init__(self, asked: Asked, suite: str) -> None:
        self.asked, self.name = asked, f"lossbench-{Path(suite).stem}"
        self.skipped = self.measured = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Let the session hold the suite beside the files that were named."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            node = SuiteNode.from_parent(collector, name=self.name, nodeid=self.name, asked=self.asked)
            report.result = [*report.result, node]
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which cases are left, and in which order: they are measured some at a time."""
        self.asked.order([item.name for item in session.items if isinstance(item, CaseItem)])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what was measured."""
        if report.nodeid.startswith(f"{self.name}::") and (report.when == "call" or report.failed):
            self.skipped += report.skipped
            self.measured += not report.skipped

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the workers."""
        self.asked.close()
        if self.skipped and not self.measured and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say why a run without a failure does not pass."""
        if self.skipped and not self.measured:
            terminalreporter.write_line("lossbench: nothing was measured", red=True)


class SuiteNode(pytest.Collector):
    """The suite, which its cases hang on."""

    def __init__(self, *, asked: Asked, **others: Any) -> None:
        super().__init__(**others)
        self.asked = asked

    def collect(self) -> Iterator[pytest.Item]:
        """The cases, in the suite's order."""
        for case in self.asked.names:
            yield CaseItem.from_parent(self, name=case, asked=self.asked)


class WrongVerdict(Exception):
    """What a case that fails has to say."""


class CaseItem(pytest.Item):
    """One case, put to every implementation."""

    def __init__(self, *, asked: Asked, **others: Any) -> None:
        super().__init__(**others)
        self.asked = asked

    def runtest(self) -> None:
        """Measure the case, unless it was among those that were measured before."""
        from lossbench.errors import EnvironmentLacks

        try:
            told = self.asked.told(self.name)
        except EnvironmentLacks as error:
            pytest.exit(f"lossbench: {error}", returncode=3)
        if told.nothing:
            pytest.skip(told.nothing)
        if told.wrong:
            raise WrongVerdict("\n".join(told.wrong))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Verdicts instead of a traceback."""
        if isinstance(excinfo.value, WrongVerdict):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The headline of a failure; not the name itself, in which pytest takes points for those of classes."""
        return self.path, None, f"the case {self.name} "
