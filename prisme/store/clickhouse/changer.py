"""Changes rows of ClickHouse's tables, with a deadline and a cancellation, as a reader has them."""

from collections.abc import Mapping
from typing import Any, Final

from prisme.store.clickhouse.reader import SETTINGS, ClickHouseReader, type_parameters
from prisme.store.query_reader import Row

# Of an insert of rows that a query gives. No block is left out because one with the same rows came before.
_INSERTING: Final[Mapping[str, str | int]] = {
    **{name: value for name, value in SETTINGS.items() if "readonly" not in name},
    "async_insert": 0,
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
}
# Of all else. A mutation is waited for until all replicas have carried it out. Each evaluates its subqueries itself,
# which is refused otherwise on replicated tables; `deletion.py` sees to it that all find the same.
_CHANGING: Final[Mapping[str, str | int]] = {
    **{name: value for name, value in SETTINGS.items() if name.startswith("max_")},
    "mutations_sync": 2,
    "allow_nondeterministic_mutations": 1,
}


class ClickHouseChanger(ClickHouseReader):
    """A reader that changes rows, too. What it waits for no longer goes on in ClickHouse, to its end or not."""

    def change(self, statement: str, parameters: Mapping[str, Any]) -> None:
        """Carry out a statement, whose parameters are named `$name`.

        No figure that was counted before it has ended is shown then. Raises UnavailableError and StoreError.
        """
        text = type_parameters(statement, parameters)
        settings = _INSERTING if statement.startswith("INSERT") else _CHANGING

        database = self._readers.place.database

        def work() -> list[Row]:
            try:
                self._readers.client.execute(text, parameters, {**settings, "database": database})
            finally:
                self._readers.note_change()
            return []

        self._perform(work, lambda: None)
