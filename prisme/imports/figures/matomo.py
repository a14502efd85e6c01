"""Matomo's reports as CSV, as its API and its pages export them: one report in a file, with a row for each value.

Read from the public source of its CSV export and its documentation. The report is known by the file's name, which has
to have the name of the method or the English title in it; the day by a column, or by the file's name.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.figures import values
from prisme.imports.figures.matomo_reports import (
    ENGLISH,
    METHODS,
    SUMMARY,
    TITLES,
    Report,
    read_counts,
)
from prisme.imports.figures.records import TWICE, Collector, Columns, Record
from prisme.imports.figures.sums import Key, Sums
from prisme.imports.figures.tables import Row, Table, decode_head, list_names, open_tables
from prisme.imports.items import Figure
from prisme.imports.reading import Format, Reading

_METHOD: Final = re.compile(r"(?<![A-Za-z])([A-Z][A-Za-z]+[._]get[A-Za-z]*)")
_TITLE: Final = re.compile(r"Export _ (.+?) _ ")
_ISO_DAY: Final = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_LONG_DAY: Final = re.compile(rf" _ (?:[A-Z][a-z]+, )?({'|'.join(_MONTHS)}) ([0-9]{{1,2}}), ([0-9]{{4}})")
_COUNTS: Final = frozenset({"nb_visits", "nb_hits", "nb_events"})
_NO_DATA: Final = "no data available"
_NO_REPORT: Final = "no report of Matomo: there are no columns label and nb_visits, in English or as such"
_BY_DAY: Final = (
    "export by day: with period=day and date=2026-08-01,2026-08-31 in the URL of the API, or a file for each day with "
    "the day in its name, such as Actions.getPageUrls_2026-08-01.csv"
)


def recognise(name: str, head: bytes) -> bool:
    """Whether this is a report of Matomo, by the names of its API or by English ones, which others have as well.

    Folders and zips are known by the names of methods in those of their files.
    """
    if names := list_names(name, head):
        return any(map(_METHOD.search, names))
    columns = Columns(decode_head(head).partition("\n")[0].replace('"', "").split(","))
    if columns.keys() & _COUNTS:
        return True
    columns = columns.rename(ENGLISH)
    return bool(columns.keys() & _COUNTS and columns.keys() & {"label", "nb_uniq_visitors", "nb_actions"})


def read(files: Sequence[Path], reading: Reading) -> Iterator[Figure]:
    """The figures of reports. Raises InputError and OSError."""
    if not reading.site:
        raise InputError("Matomo's reports do not say which site they are of: add --site example.com")
    with Sums(reading.temporary) as sums:
        collector = Collector(reading, sums)
        for table in open_tables(files, reading):
            _read_table(table, reading.site, collector)
        yield from sums.figures()


def _read_table(table: Table, site: str, collector: Collector) -> None:
    """A file: one report, or several of them, each below its title, as Matomo sends them by email."""
    title = ""
    is_read = False
    for row in table.rows:
        text = row.cells[0].strip() if len(row.cells) == 1 else ""
        if text.startswith("Error: "):
            raise InputError(f"{table.file}: Matomo had no report to export: {text.removeprefix('Error: ')}")
        if text:
            title = "" if text.lower() == _NO_DATA else text
        elif any(row.cells):
            rows = takewhile(lambda row: any(row.cells), table.rows) if title else table.rows
            _read_report(table, title, Columns(row.cells).rename(ENGLISH), rows, site, collector)
            title, is_read = "", True
    if title:
        raise InputError(f"{table.file}: {_NO_REPORT}")
    if not is_read:
        collector.tally.skip("files without data")


def _read_report(
    table: Table, title: str, columns: Columns, rows: Iterator[Row], site: str, collector: Collector
) -> None:
    report = METHODS.get(TITLES.get(title.lower(), "")) if title else _find_report(table, columns)
    records = collector.records(table, columns, rows)
    if report is None:
        collector.tally.skip("rows of reports that Prisme has no figures for", sum(1 for _ in records))
        return
    read_day = _find_day(table, columns)
    for record in records:
        _read_record(table, record, report, read_day, site, collector)


def _read_record(
    table: Table,
    record: Record,
    report: Report,
    read_day: Callable[[Record], datetime.date],
    site: str,
    collector: Collector,
) -> None:
    if not any(cell for name, place in record.columns.items() if name != "date" for cell in [record.cells[place]]):
        collector.tally.skip("days without data")
        return
    try:
        day, counts = read_day(record), read_counts(record, report)
    except ValueError as error:
        collector.refuse(table, record.number, record.cells, str(error))
        return
    pairs = [(dimension, value) for dimension, value in report.values(record) if value or not dimension]
    added = [
        collector.add(table, f"{report.name} {dimension}", Key(day, site, dimension, value), counts)
        for dimension, value in pairs
    ]
    if not any(added):
        collector.tally.skip(TWICE if pairs else "values that are not known, or summed up as others")


def _find_report(table: Table, columns: Columns) -> Report | None:
    """The report of a file; None for one that there are no figures for. Raises InputError for an unknown one."""
    method = _METHOD.search(table.name)
    if method:
        return METHODS.get(method[1].replace("_", ".").lower())
    if "label" not in columns and columns.keys() & {"nb_visits", "nb_uniq_visitors"}:
        return SUMMARY
    title = _TITLE.search(table.name)
    if title and title[1].lower() in TITLES:
        return METHODS[TITLES[title[1].lower()]]
    if "label" in columns and (title or columns.keys() & _COUNTS):
        raise InputError(
            f"{table.file}: which report is it? Name the file after its method, such as "
            "Actions.getPageUrls_2026-08.csv or UserCountry.getCountry_2026-08.csv"
        )
    raise InputError(f"{table.file}: {_NO_REPORT}")


def _find_day(table: Table, columns: Columns) -> Callable[[Record], datetime.date]:
    if "date" in columns:
        return lambda record: values.read_day(record.get("date"))
    day = read_name_day(table.name)
    if day is None:
        raise InputError(f"{table.file}: it does not say of which days its rows are: {_BY_DAY}")
    return lambda _: day


def read_name_day(name: str) -> datetime.date | None:
    """The day in a file's name, if there is just one."""
    try:
        days = {datetime.date.fromisoformat(day) for day in _ISO_DAY.findall(name)}
        if long := _LONG_DAY.search(name):
            days.add(datetime.date(int(long[3]), _MONTHS.index(long[1]) + 1, int(long[2])))
    except ValueError:
        return None
    return days.pop() if len(days) == 1 else None


FORMAT: Final = Format("matomo", recognise, read)
