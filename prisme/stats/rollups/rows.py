"""The rows of lists of a part of a span, made of rollups: what `breakdown.py` counts from the rows of tables."""
# Only SQL made here is composed; values from requests are bound.
# ruff: noqa: S608

from collections.abc import Iterator, Mapping
from typing import Final

from prisme.stats.breakdown_parts import compose_parts
from prisme.stats.columns import TOPS, time_column
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import DUCKDB
from prisme.stats.grouping import GroupingSets
from prisme.stats.rollups.cover import Cover
from prisme.stats.sql import load_sql
from prisme.stats.visitor_ids import GENERATED

_ROWS: Final = load_sql("rolled_rows")
_PAGES, _ENTRY_PAGES = "top-pages", "top-entry-pages"
_SESSIONS, _VISITORS, _ENTRIES = "sessions", "visitors", "entries"
_NOTHING: Final = dict.fromkeys((_VISITORS, _SESSIONS, "actions", _ENTRIES, "bounces", "durations"), "0")
_OF_ENTRIES: Final = {_ENTRIES: "sum(count)", "bounces": "sum(bounces)", "durations": "sum(durations)"}


def is_rolled(needs: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether units have all figures that lists need: not the sessions of pages and events."""
    return not any(_SESSIONS in figures and TOPS[name][1] != _SESSIONS for name, figures in needs.items())


def compose_rolled_parts(needs: Mapping[str, tuple[str, ...]], conditions: Conditions, cover: Cover) -> str:
    """Queries with the columns of `breakdown`, for lists with the figures that each needs; `conditions` are of the
    cover's time.
    """
    parts = [*_compose_units(needs, conditions, cover)]
    if cover.start < cover.edge:
        counted = {name: tuple(figure for figure in figures if figure != _VISITORS) for name, figures in needs.items()}
        parts.append(compose_parts(counted, conditions.within(cover.start, cover.edge)))
    parts += _compose_visitors(needs, conditions, cover)
    return " UNION ALL ".join(f"({part})" for part in parts)


def _compose_units(needs: Mapping[str, tuple[str, ...]], conditions: Conditions, cover: Cover) -> Iterator[str]:
    if not cover.units:
        return
    numbers = {name: number for number, name in enumerate(needs)}
    for table, names in _by_table(needs).items():
        wanted = {figure for name in names for figure in needs[name]}
        chosen = {name: numbers[name] for name in names}
        figures = _choose_figures(table, wanted, cover)
        yield _compose_unit_rows(chosen, conditions, cover, figures, with_views="views" in figures["actions"])
    if _ENTRIES in needs.get(_PAGES, ()):
        yield _compose_unit_rows({_ENTRY_PAGES: numbers[_PAGES]}, conditions, cover, {**_NOTHING, **_OF_ENTRIES})


def _by_table(needs: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """The names of lists by the table that they count."""
    found: dict[str, list[str]] = {}
    for name in needs:
        found.setdefault(TOPS[name][1], []).append(name)
    return found


def _choose_figures(table: str, wanted: set[str], cover: Cover) -> dict[str, str]:
    """The figures of the lists of a table, as expressions; those that are not wanted are 0, as in `breakdown_parts`."""
    figures = dict(_NOTHING)
    if _VISITORS in wanted:
        # Those of the first unit who came the day before are new, if nothing of the span was before.
        is_later = "" if cover.edge > cover.start else f" FILTER (unit <> {cover.units[0].id})"
        figures["visitors"] = f"sum(visitors) - coalesce(sum(again){is_later}, 0)"
    if table != "sessions":
        return figures | {"actions": "sum(count)"}
    if "actions" in wanted:
        figures["actions"] = "sum(views)"
    return figures | {"sessions": "sum(count)", **_OF_ENTRIES}


def _compose_unit_rows(
    numbers: Mapping[str, int],
    conditions: Conditions,
    cover: Cover,
    figures: Mapping[str, str],
    with_views: bool = False,
) -> str:
    """The rows of some lists, by their numbers; `with_views`: also of sessions that all began before."""
    rows = conditions.rows_of_domains("rollup.keys")
    return _ROWS.format(
        numbers=" ".join(f"WHEN '{name}' THEN {number}" for name, number in numbers.items()),
        rows=rows if with_views else f"{rows} AND count > 0",
        units=", ".join(str(unit.id) for unit in cover.units),
        lists=", ".join(f"'{name}'" for name in numbers),
        **figures,
    )


def _compose_visitors(needs: Mapping[str, tuple[str, ...]], conditions: Conditions, cover: Cover) -> Iterator[str]:
    """The visitors of the rows before the edge, and all that have other ids than generated ones, each once."""
    if cover.start == cover.edge and not cover.has_named:
        return
    numbers = {name: number for number, name in enumerate(needs)}
    for table, names in _by_table(needs).items():
        if not any(_VISITORS in needs[name] for name in names):
            continue
        columns = {name: DUCKDB.column(TOPS[name][0]) for name in names}
        grouping, rows = GroupingSets(columns), conditions.rows(table)
        if not cover.has_named:
            rows = conditions.within(cover.start, cover.edge).rows(table)
        elif cover.start == cover.edge:
            rows += f" AND NOT {GENERATED}"
        else:
            edge = f"make_timestamp({conditions.bind(cover.edge)})"
            rows += f" AND ({time_column(table)} < {edge} OR NOT {GENERATED})"
        yield (
            f"SELECT {grouping.number(numbers)}, {grouping.key}, count(DISTINCT visitor), 0, 0, 0, 0, 0 FROM ("
            f"SELECT hash(visitor_id) AS visitor, {grouping.columns} {rows}) GROUP BY {grouping.sets}"
        )
