"""GA4's reports and explorations as CSV, in English: lines of `#`, a header, rows; perhaps several such sections.

Read from files that others published. A row counts for each of its dimensions by itself; its day is a column, or that
of the whole report.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.figures import values
from prisme.imports.figures.ga4_columns import DAYS, HOST, Section, read_counts, read_header
from prisme.imports.figures.records import TWICE, Collector, Record
from prisme.imports.figures.sums import Key, Sums
from prisme.imports.figures.tables import Row, Table, decode_head, open_tables
from prisme.imports.items import Figure
from prisme.imports.reading import Format, Reading

_SPAN: Final = re.compile(r"# *(Start date|End date): *([0-9]{8})|# *([0-9]{8})-([0-9]{8})")
# The same in any language.
_SOME_DAY: Final = re.compile(r"# *[^:,]+: *20[0-9]{6}\s*")
_TOTALS: Final = ("grand total", "total", "totals")
_BY_DAY: Final = (
    "add the dimension Date in an exploration (Explore > Free form), or export single days, and give these files"
)
_HEAD_LINES: Final = 40


def recognise(_: str, head: bytes) -> bool:
    """Whether this is a report of GA4: its first lines say the days, or its columns have its names in English."""
    lines = decode_head(head).splitlines()[:_HEAD_LINES]
    if any(_SPAN.match(line) or _SOME_DAY.fullmatch(line) for line in lines):
        return True
    return any(read_header(line.replace('"', "").split(",")) for line in lines if line and not line.startswith("#"))


def read(files: Sequence[Path], reading: Reading) -> Iterator[Figure]:
    """The figures of reports. Raises InputError and OSError."""
    with Sums(reading.temporary) as sums:
        collector = Collector(reading, sums)
        for table in open_tables(files, reading):
            _File(table, reading.site, collector).read()
        yield from sums.figures()


class _File:
    """A file of GA4, as far as it was read: the days that it says its rows are of."""

    def __init__(self, table: Table, site: str, collector: Collector) -> None:
        self._table = table
        self._site = site
        self._collector = collector
        self._start: datetime.date | None = None
        self._end: datetime.date | None = None
        # Sections that figures were read from; those that say no days; all.
        self._read = self._undated = self._sections = 0

    def read(self) -> None:
        """Add what the file has. Raises InputError where there is nothing in it that could be read."""
        for row in self._table.rows:
            if not any(row.cells):
                continue
            if row.cells[0].startswith("#"):
                self._read_comment(",".join(row.cells))
            else:
                self._read_section(row)
        if not self._sections:
            self._collector.tally.skip("files without data")
        elif not self._read:
            file = self._table.file
            if self._undated:
                raise InputError(f"{file}: it does not say of which days its rows are: {_BY_DAY}")
            raise InputError(
                f"{file}: no dimension and metric that Prisme knows; if the header is not in English, switch GA4 to "
                "English (your account > Personal info > Language), and export again"
            )

    def _read_comment(self, text: str) -> None:
        if found := _SPAN.match(text):
            name, day, start, end = found.groups()
            try:
                if start:
                    self._start, self._end = values.read_day(start), values.read_day(end)
                elif name == "Start date":
                    self._start, self._end = values.read_day(day), None
                else:
                    self._end = values.read_day(day)
            except ValueError:
                self._start = self._end = None

    def _read_section(self, header: Row) -> None:
        """A header, and the rows below it up to a blank line or the next comments."""
        self._sections += 1
        section = read_header(header.cells)
        rows = self._section_rows()
        if section and ("date" in section.columns or self._is_dated(section)):
            self._read += 1
            if not self._site and HOST not in section.columns:
                raise InputError("GA4's reports do not say which site they are of: add --site example.com")
            for record in self._collector.records(self._table, section.columns, rows):
                self._read_record(record, section)
        else:
            self._undated += section is not None
            why = "rows of reports without days" if section else "rows of reports that Prisme has no figures for"
            self._collector.tally.skip(why, sum(1 for _ in rows))

    def _is_dated(self, section: Section) -> bool:
        """Whether the report's days say those of its rows."""
        return self._start is not None and ("nth day" in section.columns or self._start == self._end)

    def _section_rows(self) -> Iterator[Row]:
        for row in self._table.rows:
            if not any(row.cells):
                return
            if row.cells[0].startswith("#"):
                self._read_comment(",".join(row.cells))
                return
            yield row

    def _read_record(self, record: Record, section: Section) -> None:
        if record.cells[-1].strip().lower() in _TOTALS or not any(map(record.get, section.named | DAYS)):
            self._collector.tally.skip("rows of totals")
            return
        try:
            day, measured = self._read_day(record), read_counts(record)
        except ValueError as error:
            self._collector.refuse(self._table, record.number, record.cells, str(error))
            return
        site = self._site or values.read_host(record.get(HOST))
        if not self._site and not values.is_host(site):
            self._collector.tally.skip("rows without a site")
            return
        added = [
            self._collector.add(
                self._table, dimension, Key(day, site, dimension, value), section.counts(measured, dimension)
            )
            for dimension, value in section.values(record).items()
        ]
        if not any(added):
            self._collector.tally.skip(TWICE if added else "values that GA4 does not know, and sums of all others")

    def _read_day(self, record: Record) -> datetime.date:
        """The day of a row. Raises ValueError."""
        if "date" in record.columns:
            return values.read_day(record.get("date"))
        if self._start is None:
            raise ValueError("no start date")
        if "nth day" in record.columns:
            try:
                return self._start + datetime.timedelta(values.read_count(record.get("nth day")) or 0)
            except OverflowError as error:
                raise ValueError("no day") from error
        return self._start


FORMAT: Final = Format("ga4", recognise, read)
