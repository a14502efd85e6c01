"""Deletions in ClickHouse, cut off at any statement: no visit is lost that stays, and the next one ends right."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prisme.operations.delete import Deleted
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import Operations
from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse import deletion
from prisme.store.errors import StoreError
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.faults.load import LONG, slow
from tests.operations.clickhouse.both import Both, Rows, perform

Begin = Callable[[], Both]
EVENTS = ("pageviews", "events_custom", "file_downloads", "outbound_link_clicks")
# Of visits that lose some of their events, the one that begins later than it did may be chosen no more.
CHOICES: dict[str, dict[str, str]] = {
    "whole visits": {"site": "*.example.com"},
    "some events": {"path": "/a", "before": "2026-10-20"},
}
# A kill after each statement that changes something; and one that fails before it does, after which Prisme goes on.
FAULTS = {"killed": ("lost", True), "failed": ("cut", False)}


@pytest.fixture
def proxy(engine: Engine) -> Iterator[Proxy]:
    with Proxy(engine.endpoint) as proxy:
        yield proxy


def is_of_deletion(statement: str) -> bool:
    """Whether it is none by which a client connects."""
    return "system.settings" not in statement and "version()" not in statement


class Failing:
    """Fails the statement with a number, from 0; `for_ever`: all later ones as well, as if Prisme had been killed."""

    def __init__(self, number: int, kind: Any, for_ever: bool) -> None:
        self._wanted, self._kind, self._for_ever = number, kind, for_ever
        self.seen: list[str] = []

    def __call__(self, statement: str) -> Fault | None:
        if not is_of_deletion(statement):
            return None
        self.seen.append(statement)
        number = len(self.seen) - 1
        fails = number >= self._wanted if self._for_ever else number == self._wanted
        return Fault("cut" if number > self._wanted else self._kind) if fails else None


def run(both: Both, proxy: Proxy, operation: str = "delete", **arguments: Any) -> Deleted | None:
    """Perform it through the proxy; None if that fails as an operator is told."""
    client = proxy.client()
    try:
        return perform(both.through(client), operation, **arguments)
    except StoreError:
        return None
    finally:
        client.close()


def list_statements(both: Both, proxy: Proxy, operation: str = "delete", **arguments: Any) -> list[str]:
    proxy.plan = watching = Failing(10_000, "cut", False)
    assert run(both, proxy, operation, **arguments) is not None
    return watching.seen


def check_nothing_is_lost(before: Rows, wanted: Rows, found: Rows) -> None:
    """All rows are there that stay, and no visit has only rows that are to go; nothing is there that never was."""
    for table in EVENTS:
        assert {*wanted[table]} <= {*found[table]} <= {*before[table]}
    uuid = 8
    staying = {row[uuid] for row in wanted["sessions"]}
    assert staying <= {row[uuid] for row in found["sessions"]} <= {row[uuid] for row in before["sessions"]}
    assert {*found["sessions"]} <= {*before["sessions"], *wanted["sessions"]}


@pytest.mark.parametrize("choice", CHOICES if LONG else ["some events"])
@pytest.mark.parametrize("fault", FAULTS if LONG else ["killed"])
def test_the_same_command_completes_it(begin: Begin, proxy: Proxy, choice: str, fault: str) -> None:
    arguments, both = CHOICES[choice], begin()
    before = both.rows_of_clickhouse()
    statements = list_statements(both, proxy, **arguments)
    wanted = both.rows_of_clickhouse()
    perform(both.duckdb, "delete", **arguments)
    assert wanted == both.rows_of_duckdb()
    changes = [number for number, text in enumerate(statements) if text.startswith(("INSERT", "ALTER"))]
    assert len(changes) > 8
    for number in changes:
        both.refill()
        proxy.plan = Failing(number, *FAULTS[fault])
        done = run(both, proxy, **arguments)
        found = both.rows_of_clickhouse()
        check_nothing_is_lost(before, wanted, found)
        assert done is None or found == wanted, statements[number]
        proxy.plan = lambda _: None
        assert run(both, proxy, **arguments) is not None
        assert both.rows_of_clickhouse() == wanted, statements[number]
        assert both.states() <= 2 * len(wanted["sessions"])


def test_an_error_says_what_to_do(begin: Begin, proxy: Proxy) -> None:
    both, client = begin(), proxy.client()
    proxy.plan = lambda statement: Fault("full") if " DELETE" in statement else None
    said = r"free up disk space.*\. What was begun is completed by the next deletion: repeat this one$"
    with contextlib.closing(client), pytest.raises(StoreError, match=said):
        perform(both.through(client), "delete", site="example.com")


def test_any_other_deletion_completes_it(begin: Begin, proxy: Proxy) -> None:
    arguments, both = CHOICES["some events"], begin()
    statements = list_statements(both, proxy, **arguments)
    wanted = both.rows_of_clickhouse()
    both.refill()
    renewed = next(number for number, text in enumerate(statements) if ".sessions DELETE" in text)
    proxy.plan = Failing(renewed, "cut", True)
    assert run(both, proxy, **arguments) is None
    assert both.notes()
    assert perform(both.clickhouse, "delete", visitor="nobody", dry_run=True).changed, "or no command would go on"
    assert perform(both.clickhouse, "delete", visitor="nobody").changed
    found = both.rows_of_clickhouse()
    assert [found[table] for table in ("sessions", *EVENTS)] == [wanted[table] for table in ("sessions", *EVENTS)]
    assert both.notes() == 0


def test_notes_of_a_kill_before_the_first_step_are_dropped_on_another_day(begin: Begin, proxy: Proxy) -> None:
    arguments, both = CHOICES["whole visits"], begin()
    statements = list_statements(both, proxy, **arguments)
    both.refill()
    before = both.rows_of_clickhouse()
    begins = [number for number, text in enumerate(statements) if "INSERT INTO" in text]
    proxy.plan = Failing(begins[1], "cut", True)
    assert run(both, proxy, **arguments) is None
    noted, notes = both.notes(), both.place.table("deletions")
    assert perform(both.clickhouse, "delete", visitor="nobody").is_nothing
    assert (both.notes(), both.rows_of_clickhouse()) == (noted, before), "it may be under way"
    both.client.execute(
        f"ALTER TABLE {notes} UPDATE at = at - INTERVAL 2 DAY WHERE true", settings={"mutations_sync": 2}
    )
    assert perform(both.clickhouse, "delete", visitor="nobody").is_nothing
    assert (both.notes(), both.rows_of_clickhouse()) == (0, before)


@slow
def test_an_undo_is_completed(begin: Begin, proxy: Proxy) -> None:
    both = begin()
    statements = list_statements(both, proxy, "undo", name="goatcounter-1")
    wanted = both.rows_of_clickhouse()
    alters = [number for number, text in enumerate(statements) if "ALTER TABLE" in text]
    for number in [*alters[:2], *alters[-4:]]:
        both.refill()
        proxy.plan = Failing(number, "cut", True)
        assert run(both, proxy, "undo", name="goatcounter-1") is None or "DROP" in statements[number]
        proxy.plan = lambda _: None
        if both.rows_of_clickhouse() != wanted:
            assert "goatcounter-1" in str(both.rows_of_clickhouse()["imports"])
            assert run(both, proxy, "undo", name="goatcounter-1") is not None
        assert both.rows_of_clickhouse() == wanted


@pytest.mark.parametrize("word", ["INSERT INTO", "DELETE"])
def test_a_cancelled_one_ends_at_once(begin: Begin, proxy: Proxy, word: str) -> None:
    """Before a step, nothing is changed; a step that was begun is completed by the next deletion."""
    both, arguments, cancellation = begin(), CHOICES["whole visits"], Cancellation()
    before, reached, going_on = both.rows_of_clickhouse(), threading.Event(), threading.Event()

    def plan(statement: str) -> Fault | None:
        if word in statement and not reached.is_set():
            reached.set()
            cancellation.cancel()
            assert going_on.wait(60)
        return None

    proxy.plan = plan
    client = proxy.client()
    with contextlib.closing(client), pytest.raises(CancelledError):
        Operations(both.through(client)).perform("delete", arguments, Job(cancellation))
    going_on.set()
    assert reached.is_set()
    if word == "INSERT INTO":
        assert both.rows_of_clickhouse() == before
    perform(both.clickhouse, "delete", **arguments)
    perform(both.duckdb, "delete", **arguments)
    duckdb, clickhouse = both.rows()
    assert clickhouse == duckdb


def test_a_deadline_says_what_to_do(begin: Begin, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    both, going_on = begin(), threading.Event()

    def plan(statement: str) -> Fault | None:
        if "DELETE" in statement:
            assert going_on.wait(60)
        return None

    proxy.plan = plan
    monkeypatch.setattr(deletion, "_DEADLINE", 5.0)
    client = proxy.client()
    with (
        contextlib.closing(client),
        pytest.raises(StoreError, match=r"not done within .* completed by the next deletion"),
    ):
        perform(both.through(client), "delete", site="example.com")
    going_on.set()
