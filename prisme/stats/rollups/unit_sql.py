"""Counts a unit of rollups from the rows, into tables of the database `cache`."""
# Only SQL made here is composed; values are bound.
# ruff: noqa: S608

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from prisme import assets
from prisme.stats.columns import EVENTS, PROPERTIES, TOPS
from prisme.stats.dialect import DUCKDB
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import VISITOR
from prisme.store.arrivals import compose_arrivals
from prisme.store.rollups import DAY, PARTS, SLOT, Ask, Unit
from prisme.store.visitor_ids import GENERATED_FORM

# Increase it when units are made otherwise, by their SQL or by how Python names sources and channels.
_FORMAT: Final = 1
_LISTS: Final = {name: (DUCKDB.column(column), table) for name, (column, table) in TOPS.items()}
# What units depend on: those of another version are made again.
VERSION: Final = blake2b(
    repr((_FORMAT, _LISTS, assets.SOURCES.read_text(), assets.CHANNELS.read_text())).encode(), digest_size=8
).hexdigest()
_PARAMETER: Final = re.compile(r"\$(\w+)")
_VISITS: Final = load_sql("rollup_visits")
_VISIT_KEYS: Final = load_sql("rollup_visit_keys")
_ACTIONS: Final = load_sql("rollup_actions")
_EARLIER_ACTIONS: Final = load_sql("rollup_earlier_actions")
_ACTION_KEYS: Final = load_sql("rollup_action_keys")
_PROPERTIES: Final = load_sql("rollup_properties")
_SLOTS: Final = load_sql("rollup_slots")
_VISITORS: Final = load_sql("rollup_visitors")
_NAMED: Final = load_sql("rollup_named")
_ARRIVALS: Final = "INSERT INTO {arrivals}" + compose_arrivals(
    "entry_timestamp >= make_timestamp($start) AND entry_timestamp < make_timestamp($stop)"
)
_MONTH: Final = load_sql("rollup_month")
_RECURRING: Final = load_sql("rollup_recurring")
_EVENT_SLOTS: Final = " UNION ALL ".join(
    f"SELECT domain, epoch_us(\"timestamp\") // {SLOT} AS slot FROM {table} "
    "WHERE \"timestamp\" >= make_timestamp($start) AND \"timestamp\" < make_timestamp($stop)"
    for table in EVENTS
)  # fmt: skip
# One of them at a time is looked for recurring visitors, in memory for so many.
_MOST_AT_ONCE: Final = 1_000_000

Tables = Mapping[str, str]


class UnitCounter:
    """Counts one unit at a time into `tables`, by the names of `PARTS`, which `create` makes.

    Each statement is a transaction of its own. The methods raise what `ask` raises.
    """

    def __init__(self, ask: Ask, prefix: str = "cache.rollup_") -> None:
        self._ask = ask
        self.tables = {part: f"{prefix}{part.rpartition('.')[2]}" for part in PARTS}

    def create(self) -> None:
        """Make the tables, empty."""
        for part, table in self.tables.items():
            self._ask(f"CREATE OR REPLACE TABLE {table} AS SELECT * EXCLUDE (unit) FROM {part} LIMIT 0", {})

    def drop(self) -> None:
        """Drop the tables."""
        for table in self.tables.values():
            self._ask(f"DROP TABLE IF EXISTS {table}", {})

    def count(self, unit: Unit) -> bool:
        """Count a unit that is no month. Gives whether it has visitors with other ids than generated ones."""
        moments = {
            "start": unit.start,
            "stop": unit.stop,
            "day_before": unit.start - DAY,
            "second_day": unit.start + DAY,
        }
        self._count_visits(moments)
        has_named = False
        for table in ("pageviews", *EVENTS):
            has_named |= self._count_actions(table, moments)
        within = "entry_timestamp >= make_timestamp($start) AND entry_timestamp < make_timestamp($stop)"
        self._run(
            f"INSERT INTO {{arrivals}} {compose_arrivals(within)}", moments, arrivals=self.tables["rollup.arrivals"]
        )
        self._run(_PROPERTIES, moments, keys=self.tables["rollup.keys"], list=PROPERTIES)
        for table in ("visit", "action", "earlier_action"):
            self._ask(f"DROP TABLE temp.{table}", {})
        return has_named

    def count_month(self, units: list[Unit]) -> None:
        """Add up the keys of units that follow each other."""
        numbers = ", ".join(str(unit.id) for unit in units)
        self._run(_MONTH, {}, keys=self.tables["rollup.keys"], first=units[0].id, units=numbers)

    def _count_visits(self, moments: Mapping[str, Any]) -> None:
        lists = {name: column for name, (column, table) in _LISTS.items() if table == "sessions"}
        aliases = {name: f"c{number}" for number, name in enumerate(lists)}
        columns = ", ".join(f"{column} AS {aliases[name]}" for name, column in lists.items())
        self._run(_VISITS, moments, visitor=VISITOR, duration=DUCKDB.duration, slot=SLOT, columns=columns)
        for name in lists:
            self._run(_VISIT_KEYS, {}, keys=self.tables["rollup.keys"], list=name, column=aliases[name])

    def _count_actions(self, table: str, moments: Mapping[str, Any]) -> bool:
        """Count the rows of a table. Gives whether any is of a visitor with another id than a generated one."""
        lists = {name: column for name, (column, of_table) in _LISTS.items() if of_table == table}
        columns = ", ".join(dict.fromkeys(lists.values()))
        self._run(_ACTIONS, moments, visitor=VISITOR, slot=SLOT, columns=columns, table=table)
        self._run(_EARLIER_ACTIONS, moments, visitor=VISITOR, slot=SLOT, columns=columns, table=table)
        for name, column in lists.items():
            key = f"CAST({column} AS VARCHAR)"
            self._run(_ACTION_KEYS, {}, keys=self.tables["rollup.keys"], list=name, column=key)
        if table == "pageviews":
            self._run(_SLOTS, moments, slots=self.tables["rollup.slots"], events=_EVENT_SLOTS)
            self._run(_VISITORS, moments, visitors=self.tables["rollup.visitors"], slot=SLOT)
            self._run(_NAMED, {}, named=self.tables["rollup.named_visitors"])
        return bool(self._ask("SELECT 1 FROM action WHERE (visitor & 1) = 0 LIMIT 1", {}))

    def _run(self, query: str, moments: Mapping[str, Any], **texts: object) -> None:
        text = query.format(**texts)
        used = set(_PARAMETER.findall(text))
        self._ask(text, {name: value for name, value in moments.items() if name in used})


def find_recurring(ask: Ask, table: str) -> None:
    """Make a table of the recurring visitors, as hashes of their ids. Raises what `ask` raises."""
    ask(f"CREATE OR REPLACE TABLE {table} (visitor UBIGINT)", {})
    ((sessions,),) = ask("SELECT count(*) FROM sessions", {})
    passes = 1 + sessions // _MOST_AT_ONCE
    for number in range(passes):
        ask(_RECURRING.format(recurring=table, generated=GENERATED_FORM, passes=passes, number=number), {})
