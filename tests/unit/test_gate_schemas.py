"""SARIF and JUnit as their schemas have them: names and kinds here; in full where the schemas are at hand.

SARIF_SCHEMA and JUNIT_SCHEMA may name OASIS's sarif-schema-2.1.0.json and the xunit plugin's junit-10.xsd; jsonschema
and xmlschema read them.
"""

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_gate_forms import ACCOUNT, BETTER, USAGE, WORSE
from test_paces import OLD, held, rows

from lossbench.output.account import Account
from lossbench.output.github import as_annotations
from lossbench.output.junit import as_junit
from lossbench.output.sarif import as_sarif

UNTIMED = replace(WORSE, kind="untimed", case="", via="", again="")
ACCOUNTS = {
    "regressed": ACCOUNT,
    "usage": USAGE,
    "fine": replace(ACCOUNT, code=0, findings=[BETTER]),
    "nothing": replace(ACCOUNT, code=4, findings=[], held=[], problems=["cannot write \x1b[31m"]),
    "in a folder with spaces": replace(ACCOUNT, baseline=Path("my results/50 %/cpü.csv")),
    "elsewhere": replace(ACCOUNT, baseline=Path("/some where/cpu.csv")),
    "times": replace(
        ACCOUNT, findings=[UNTIMED], paces=held(rows("torch", 1.15), rows(OLD, 1.0)), against=OLD, limit=0.1
    ),
}
ATTRIBUTES = {  # of junit-10.xsd, those that must be there first
    "testsuites": ((), ("name", "time", "tests", "failures", "errors")),
    "testsuite": (("name", "tests", "failures", "errors"), ("group", "time", "skipped", "timestamp", "hostname", "id",
                                                            "package", "file", "log", "url", "version")),
    "testcase": (("name",), ("time", "classname", "group")),
    "failure": ((), ("type", "message")),
    "error": ((), ("type", "message")),
    "property": (("name", "value"), ()),
    "properties": ((), ()),
    "system-out": ((), ()),
}  # fmt: skip
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "properties": {"property"},
}
TIME = r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?"  # of suites
KEYS = {  # of SARIF 2.1.0, by the place that an object stands in; those that must be there end in !
    "": {"$schema", "version!", "runs!"},
    "runs": {"tool!", "columnKind", "results", "invocations"},
    "tool": {"driver!"},
    "driver": {"name!", "version", "rules"},
    "rules": {"id!", "shortDescription"},
    "shortDescription": {"text!"},
    "results": {"ruleId", "ruleIndex", "level", "message!", "locations", "partialFingerprints", "properties"},
    "message": {"text!"},
    "locations": {"physicalLocation"},
    "physicalLocation": {"artifactLocation", "region"},
    "artifactLocation": {"uri"},
    "region": {"startLine"},
    "invocations": {"executionSuccessful!", "exitCode", "exitCodeDescription", "toolExecutionNotifications"},
    "toolExecutionNotifications": {"level", "message!"},
}
WORDS = {"level": {"none", "note", "warning", "error"}, "columnKind": {"utf16CodeUnits", "unicodeCodePoints"}}


def objects(place: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects with the names of their places."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield place, one
            for key, inner in one.items():
                if key not in ("properties", "partialFingerprints"):  # bags, which hold what one likes
                    yield from objects(key, inner)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_sarif_has_the_keys_that_its_schema_knows(kind: str) -> None:
    for place, one in objects("", json.loads(as_sarif(ACCOUNTS[kind]))):
        assert one.keys() <= {key.rstrip("!") for key in KEYS[place]}, place
        assert {key[:-1] for key in KEYS[place] if key.endswith("!")} <= one.keys(), place
        for key, words in WORDS.items():
            assert one.get(key, next(iter(words))) in words
        assert one.get("startLine", 1) >= 1
        assert re.fullmatch(r"[\w.~/%:-]*", one.get("uri", ""), re.ASCII), one


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_junit_has_the_elements_and_attributes_that_jenkins_takes(kind: str) -> None:
    for element in ET.fromstring(as_junit(ACCOUNTS[kind])).iter():
        needed, others = ATTRIBUTES[element.tag]
        assert set(needed) <= set(element.keys()) <= {*needed, *others}, element.tag
        assert {inner.tag for inner in element} <= INSIDE.get(element.tag, set())
        if element.tag.startswith("testsuite"):
            assert re.fullmatch(TIME, element.get("time", ""))


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_sarif_is_valid(kind: str) -> None:
    schema = json.loads(named("SARIF_SCHEMA").read_text(encoding="utf-8"))
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.validators.validator_for(schema)
    found = validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(json.loads(as_sarif(ACCOUNTS[kind])))
    assert [error.message for error in found] == []


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_junit_is_valid(kind: str) -> None:
    schema = named("JUNIT_SCHEMA")
    xmlschema = pytest.importorskip("xmlschema")
    found = xmlschema.XMLSchema(str(schema)).iter_errors(ET.fromstring(as_junit(ACCOUNTS[kind])))
    assert [error.reason for error in found] == []


def named(variable: str) -> Path:
    """The file that a variable of the environment names; without it the test is skipped."""
    if variable not in os.environ:
        pytest.skip(f"{variable} names no schema")
    return Path(os.environ[variable])


COMMAND = re.compile(r"::(?P<name>error|warning|notice)( (?P<properties>[^\r\n]*?))?::(?P<body>[^\r\n]*)")
PROPERTIES = {"title", "file", "col", "endColumn", "line", "endLine"}


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_annotations_read_back_as_github_documents_them(kind: str) -> None:
    """A command's properties end at the first ``::``; commas part them, and percent codes stand for what would."""
    account: Account = ACCOUNTS[kind]
    lines = as_annotations(account)
    assert bool(lines) == bool(account.code)
    for line in lines:
        parts = COMMAND.fullmatch(line)
        assert parts is not None
        found = dict(pair.split("=", 1) for pair in (parts["properties"] or "").split(","))
        assert found.keys() <= PROPERTIES
        assert not any(":" in value for value in found.values())
        assert found.get("line", "1").isdigit()
        for text in (*found.values(), parts["body"]):
            assert set(re.findall("%..", text)) <= {"%25", "%0A", "%0D", "%3A", "%2C"}
