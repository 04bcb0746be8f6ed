"""The gate's account as JUnit XML: a suite for each framework, a test for each accepted row, failures with the case."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable

from lossbench.judging.accepted import Accepted
from lossbench.judging.baseline import MISSING, UNMEASURED, UNTIMED
from lossbench.judging.paces import Pace, told
from lossbench.output.account import Account, headline, recipe, repeat
from lossbench.records import Finding, Target

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold, even escaped
ERRORS = (MISSING, UNMEASURED, UNTIMED)  # not a wrong answer: none


def as_junit(account: Account) -> str:
    """The whole file. What fails the gate fails here; what is better, changed or new passes and says so."""
    root = ET.Element("testsuites", name="lossbench gate", time=f"{account.seconds:.3f}")
    by_key = {finding.key: finding for finding in account.findings}
    held = {str(row) for row in account.held}
    suites: dict[str, list[ET.Element]] = {}
    for row in account.held:
        target = Target(row.framework, device=row.device, mode=row.mode)
        suites.setdefault(str(target), []).append(_test(row, by_key.get(str(row)), account))
    for finding in account.findings:
        if finding.key not in held:
            target = Target(finding.framework, device=finding.device, mode=finding.mode)
            suites.setdefault(str(target), []).append(_told(finding, account))
    for pace in account.paces:
        if pace.key not in by_key:
            target = Target(pace.framework, device=pace.device, mode=pace.mode)
            suites.setdefault(str(target), []).append(_timed(pace))
    if account.code and not account.failing:
        suites["gate"] = [_closing(account)]
    for name, tests in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": name, **_counted(tests)})
        properties = ET.SubElement(suite, "properties")
        facts = {"version": account.versions.get(name, ""), "machine": account.machine, "suite": account.suite}
        for key, value in facts.items():
            if value:
                ET.SubElement(properties, "property", name=key, value=_clean(value))
        suite.extend(tests)
    for key, value in _counted([test for tests in suites.values() for test in tests]).items():
        if key != "skipped":  # which only a suite may say, by Jenkins's schema
            root.set(key, value)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _test(row: Accepted, finding: Finding | None, account: Account) -> ET.Element:
    test = _element(f"{row.framework}.{row.loss}", f"{'/'.join(part for part in row.recipe if part)} by {row.via}")
    return _with(test, finding, account) if finding else test


def _told(finding: Finding, account: Account) -> ET.Element:
    who = f"{recipe(finding)} by {finding.via}" if finding.via else finding.key
    return _with(_element(f"{finding.framework}.{finding.loss or 'gate'}", who), finding, account)


def _timed(pace: Pace) -> ET.Element:
    """A time that is let pass."""
    test = _element(f"{pace.framework}.{pace.loss}", f"{pace.case} {pace.direction} by {pace.via}")
    ET.SubElement(test, "system-out").text = _clean(f"{pace.relation}: {told(pace)}")
    return test


def _with(test: ET.Element, finding: Finding, account: Account) -> ET.Element:
    lines = [headline(finding), finding.reason, finding.case, repeat(finding)]
    text = _clean("\n".join(line for line in lines if line))
    if account.fails(finding):
        kind = "error" if finding.kind in ERRORS else "failure"
        message = _clean(f"{finding.kind}: {finding.reason or headline(finding)}")
        ET.SubElement(test, kind, type=finding.kind, message=message).text = text
    else:
        ET.SubElement(test, "system-out").text = f"{finding.kind}: {text}"
    return test


def _closing(account: Account) -> ET.Element:
    """A test of its own for an exit code that no finding explains: wrong usage, nothing measured, nothing written."""
    test = _element("gate", "lossbench gate")
    message = _clean(account.meaning)
    ET.SubElement(test, "error", type=account.word, message=message).text = _clean(account.closing)
    return test


def _element(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=_clean(classname), name=_clean(name), time="0")


def _counted(tests: Iterable[ET.Element]) -> dict[str, str]:
    found = list(tests)
    kinds = {"failures": "failure", "errors": "error"}
    counted = {name: sum(test.find(tag) is not None for test in found) for name, tag in kinds.items()}
    return {"tests": str(len(found)), **{name: str(count) for name, count in counted.items()}, "skipped": "0"}


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
