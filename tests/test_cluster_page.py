"""docs/cluster.md is true: its options, metrics and statements are those of the code, and its arithmetic is right."""

import re
from typing import Final

import pytest

from prisme.journal.appender import MAX_BYTES
from prisme.runtime.options import OPTIONS
from prisme.store.clickhouse.migrations import _WINDOW_OF_REPLICAS
from prisme.visit.sessions import CAPACITY
from tests.checkout import ROOT

PAGE: Final = (ROOT / "docs" / "cluster.md").read_text()
OPERATIONS: Final = (ROOT / "docs" / "operations.md").read_text()
_CODE: Final = ROOT / "prisme" / "store"
_STATEMENTS: Final = (
    r"\b(?:CREATE (?:DATABASE|TABLE)|ALTER TABLE [^\n]* (?:DELETE|\w+)|INSERT INTO|KILL QUERY|SYSTEM [A-Z ]+[A-Z])\b"
)
# What a user needs for each statement; the database is made before.
_GRANTS: Final = {
    "CREATE DATABASE": "CREATE DATABASE prisme;",
    "CREATE TABLE": "CREATE TABLE",
    "ALTER TABLE DELETE": "ALTER DELETE",
    "INSERT INTO": "INSERT",
    "KILL QUERY": "GRANT KILL QUERY ON *.*",
    "SYSTEM SYNC REPLICA": "GRANT SYSTEM SYNC REPLICA",
    "SYSTEM SYNC REPLICA ON CLUSTER": "GRANT CLUSTER ON *.*",
}
# Bytes of a pageview, as measured: in ClickHouse, and in the journal.
PER_PAGEVIEW: Final = 41.9
JOURNAL: Final = 482
DAILY: Final = 1e9


def section(heading: str) -> str:
    return re.split(r"^##+ ", PAGE.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_options_that_have_to_be_the_same_are_all_named() -> None:
    named = set(re.findall(r"`(\w+)`", section("### What has to be the same on all nodes")))
    rules = {option.name for option in OPTIONS if option.group == "Visits"} - {"api_events_rate_limit"}
    assert named == rules | {"retention_days"}


def test_all_options_and_metrics_exist() -> None:
    names = {option.name for option in OPTIONS} | set(re.findall(r"^\| `(\w+)` \|", OPERATIONS, re.MULTILINE))
    used = set(re.findall(r"\b(?:eventstore|sessionstorage|sites|clickhouse|trust|proxy|admin)_\w+", PAGE))
    directives = {name for name in used if re.search(rf"^\s*{name} ", PAGE, re.MULTILINE)}
    assert used - names - directives == set()


def test_the_user_may_do_what_prisme_does() -> None:
    files = [*(_CODE / "clickhouse").glob("*.py"), *(_CODE / "migrations" / "clickhouse").glob("*.sql")]
    found = {text for file in files for text in re.findall(_STATEMENTS, file.read_text())}
    kinds = {re.sub(r"(ALTER TABLE).*? (\w+)$", r"\1 \2", text) for text in found}
    assert kinds == set(_GRANTS)
    granted = section("### 1. ClickHouse")
    assert [grant for grant in _GRANTS.values() if grant not in granted] == []


def test_windows_are_as_written() -> None:
    assert _WINDOW_OF_REPLICAS == (
        "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800"
    )
    assert "the latest 100,000 blocks of a week" in PAGE
    assert f"{MAX_BYTES >> 20} MiB, which are {MAX_BYTES // JOURNAL // 1000},000" in " ".join(PAGE.split())


@pytest.mark.parametrize(
    ("what", "number"),
    [
        pytest.param("pageviews a second", round(DAILY / 86_400, -2), id="mean"),
        pytest.param("at the peak, three times", round(3 * DAILY / 86_400, -3), id="peak"),
        pytest.param("visits a second at the peak", round(3 * DAILY / 86_400 / 2.8, -2), id="visits"),
        pytest.param("nodes for their CPU", round(35_000 / 12_000), id="CPU"),
        pytest.param("**nodes for exact visits**", round(12_400 / (CAPACITY / 1800)), id="nodes"),
        pytest.param("the same with", round(12_400 / (CAPACITY / 300)), id="shorter visits"),
        pytest.param("inserts a second", round(28 / 5 * 3), id="inserts"),
        pytest.param("new parts a second", round(28 / 5), id="parts"),
        pytest.param("bytes a day", round(PER_PAGEVIEW * DAILY / 1e9), id="day"),
        pytest.param("bytes a year", round(365 * PER_PAGEVIEW * DAILY / 1e12), id="year"),
        pytest.param("a node's journal", round(11_600 / 28 * JOURNAL * 3600 / 1e9, 1), id="journal"),
        pytest.param("memory to count", round(DAILY / 2.8 * 90 / 1e9), id="memory"),
        pytest.param("of a year", round(365 * DAILY / 2.8 * 90 / 1e12), id="memory of a year"),
    ],
)
def test_arithmetic_is_right(what: str, number: float) -> None:
    (told,) = re.findall(rf"^\| {re.escape(what)}.*\| \**([\d.,]+)[^|]* \|$", PAGE, re.MULTILINE)
    assert float(told.replace(",", "")) == number


def test_limits_of_a_node_are_right() -> None:
    text = " ".join(PAGE.split())
    assert f"{CAPACITY:,} in 1,800 seconds are **{round(CAPACITY / 1800)} new visits a second" in text
    gigabytes = 100e9 / JOURNAL / 86_400
    assert (
        f"200 pageviews a second, that is {gigabytes / 200:.0f} days; with 1,000 a second, {gigabytes / 1000:.1f}"
        in text
    )
