""".ci/audit: a known vulnerability is a failure, nobody to ask is none, but is told."""

import json
import subprocess
from typing import Any

import pytest

from tests.checkout import ROOT

FINE = {"name": "granian", "version": "2.8.7", "vulns": []}
FAULT = {"id": "PYSEC-2099-1", "fix_versions": ["2.8.8"], "aliases": [], "description": "It is bad."}
BAD = {"name": "jinja2", "version": "3.1.6", "vulns": [FAULT, {**FAULT, "id": "PYSEC-2099-2", "fix_versions": []}]}
SKIPPED = {"name": "duckdb", "skip_reason": "Dependency not found on PyPI and could not be audited: duckdb (2.0.0)"}


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        ([FINE], 0, "0 known vulnerabilities in 1 packages"),
        ([FINE, BAD], 1, "jinja2 3.1.6: PYSEC-2099-1, fixed in 2.8.8"),
        ([FINE, BAD], 1, "PYSEC-2099-2, fixed in no version yet"),
        ([SKIPPED, BAD], 1, "2 known vulnerabilities in 1 packages"),
        ([SKIPPED, FINE], 0, "NOT AUDITED: duckdb"),
        ([SKIPPED, SKIPPED], 0, "NOT AUDITED. Its service knew none of the packages"),
        ([], 0, "NOT AUDITED"),
        (None, 0, "NOT AUDITED. It printed no report"),
    ],
)
def test_reports_are_judged(found: list[dict[str, Any]] | None, code: int, told: str) -> None:
    report = "" if found is None else json.dumps({"dependencies": found, "fixes": []})
    done = subprocess.run([ROOT / ".ci" / "audit"], input=report, capture_output=True, text=True)
    assert done.returncode == code
    assert told in done.stdout
    assert done.stderr == ""


def test_the_tool_is_pinned_and_asked_about_what_is_pinned() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "pip-audit==" in script
    assert "-r .ci/lock.txt" in script
