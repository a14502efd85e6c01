"""What a deletion sends to a cluster, without one to run it on; what runs is in `tests/operations/clickhouse/`."""

from collections.abc import Mapping
from typing import Any

import pytest

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.deletion import ClickHouseDeletion
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.deletion import Choice
from prisme.store.schema import ALL_TABLES, EVENT_TABLES

SYNC_NOTES = "SYSTEM SYNC REPLICA ON CLUSTER 'main' events.deletions"
# The rows of queries, by a word of them.
ANSWERS: Mapping[str, list[tuple[Any, ...]]] = {
    "FROM segments": [(0, 0)],
    "max(latest)": [(0,)],
    "SELECT step": [(0, 2)],
    "SELECT run": [],
    "max(version)": [(2, 1, 5, 7)],
    "min(timestamp)": [(3, 1, 5)],
    "": [(1,)],
}


class Recorder:
    """A client that has two visits to delete."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.settings: list[Mapping[str, Any]] = []

    def query(self, query: str, *_: object) -> list[tuple[Any, ...]]:
        return next(rows for word, rows in ANSWERS.items() if word in query)

    def execute(self, statement: str, _: object, settings: Mapping[str, Any]) -> None:
        self.sent.append(statement)
        self.settings.append(settings)


@pytest.mark.parametrize("path", [None, "path = '/a'"])
def test_on_a_cluster_all_replicas_have_the_notes_before_anything_is_deleted(path: str | None) -> None:
    client = Recorder()
    readers = Readers(client, Place("events", "main"))  # type: ignore[arg-type]
    choice = Choice("domain = 'a'", None, path, None, {})
    with ClickHouseDeletion(readers, None, choice, Cancellation()) as chosen:  # type: ignore[arg-type]
        assert [visits for visits, _ in chosen.steps()] == [2, 0]
    first, *others = (number for number, text in enumerate(client.sent) if text == SYNC_NOTES)
    assert client.sent[:first] == [f"SYSTEM SYNC REPLICA events.{table}" for table in ALL_TABLES]
    deletes = [number for number, text in enumerate(client.sent) if " DELETE" in text]
    begun = max(number for number, text in enumerate(client.sent) if "INSERT INTO events.deletions" in text)
    assert others[-1:] == [begun + 1]
    assert min(deletes) > begun + 1
    assert len(deletes) == len(EVENT_TABLES) + 2
    for number in deletes:
        assert "events." in client.sent[number]
        assert client.settings[number]["mutations_sync"] == 2
        assert client.settings[number]["allow_nondeterministic_mutations"] == 1
