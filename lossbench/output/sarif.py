"""The gate's account as SARIF 2.1.0: one result for each finding, at the line of the baseline that it contradicts."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lossbench.output.account import Account, headline, repeat
from lossbench.records import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULES = {
    "worse": "A verdict is worse in kind than accepted, or an error beyond its band.",
    "vanished": "A declared deviation is no longer seen.",
    "expired": "A verdict was accepted until a day that has passed.",
    "gone": "An implementation, or an option or format of it, is gone.",
    "slower": "An implementation is slower than what it is held against.",
    "missing": "The environment lacks a framework that the baseline holds.",
    "unmeasured": "An accepted verdict was not measured again.",
    "untimed": "A time could not be measured, though the one it is held against could.",
    "better": "A verdict is better than accepted.",
    "changed": "A verdict changed, and neither is worse.",
    "new": "A verdict that the baseline does not hold yet.",
}


def as_sarif(account: Account) -> str:
    """The whole file."""
    driver = {
        "name": "lossbench",
        "version": _version(),
        "rules": [{"id": kind, "shortDescription": {"text": text}} for kind, text in RULES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, account) for finding in account.findings],
        "invocations": [_invocation(account)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _result(finding: Finding, account: Account) -> dict[str, Any]:
    again = repeat(finding)
    text = "\n".join(line for line in (headline(finding), finding.reason, again and f"again: {again}") if line)
    place = {
        "artifactLocation": {"uri": _uri(account.baseline)},
        "region": {"startLine": account.lines.get(finding.key, 1)},
    }
    return {
        "ruleId": finding.kind,
        "ruleIndex": list(RULES).index(finding.kind),
        "level": "error" if account.fails(finding) else "note",
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"key/v1": hashlib.sha256(f"{finding.kind} {finding.key}".encode()).hexdigest()[:32]},
        "properties": {"case": finding.case, "accepted": finding.accepted, "found": finding.found},
    }


def _invocation(account: Account) -> dict[str, Any]:
    said = [account.meaning, *account.problems] if account.code else []
    notes = [{"level": "error", "message": {"text": text}} for text in dict.fromkeys(said)]
    return {
        "executionSuccessful": account.code in (0, 1),
        "exitCode": account.code,
        "exitCodeDescription": account.meaning,
        "toolExecutionNotifications": notes,
    }


def _uri(path: Path) -> str:
    """A path below the folder one stands in as a relative reference, any other in full; a URI holds no spaces."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _version() -> str:
    try:
        return version("lossbench")
    except PackageNotFoundError:  # run from a folder
        return "0"
