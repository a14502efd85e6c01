"""Rows whose cells are found by the names of their columns, and what is collected from them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prisme.imports.figures.sums import Claims, Counts, Key, Sums
from prisme.imports.figures.tables import Row, Table
from prisme.imports.reading import Reading

# Rows that another table has given the figures of: as where files overlap, or a file is given twice.
TWICE: Final = "figures that another file gives already"


class Columns(dict[str, int]):
    """The place of each column by its name, in small letters; the first of the same name."""

    def __init__(self, cells: Sequence[str]) -> None:
        super().__init__()
        for place, cell in enumerate(cells):
            self.setdefault(cell.strip().lower(), place)

    def rename(self, table: Mapping[str, str]) -> "Columns":
        """The same columns by other names, where the table has one for theirs."""
        renamed = Columns(())
        for name, place in self.items():
            renamed.setdefault(table.get(name, name), place)
        return renamed


class Record(NamedTuple):
    """A row with the names of its columns."""

    number: int
    cells: list[str]
    columns: Mapping[str, int]

    def get(self, name: str) -> str:
        """The cell of a column, without blanks around it; empty where there is no such column."""
        place = self.columns.get(name)
        return "" if place is None else self.cells[place].strip()

    def first(self, names: Iterable[str]) -> str:
        """The cell of the first of these columns that there is."""
        return next((self.get(name) for name in names if name in self.columns), "")


class Collector:
    """Adds rows of tables to sums, once for each day and topic, and counts what it does not take."""

    def __init__(self, reading: Reading, sums: Sums) -> None:
        self.tally = reading.tally
        self._sums = sums
        self._claims = Claims()

    def records(self, table: Table, columns: Mapping[str, int], rows: Iterable[Row]) -> Iterator[Record]:
        """The rows that have as many cells as there are columns; blank ones are left out, others refused."""
        width = max(columns.values()) + 1
        for number, cells in rows:
            if not any(cells):
                continue
            self.tally.rows += 1
            if len(cells) < width:
                self.refuse(table, number, cells, f"{len(cells)} cells where {width} are needed")
            else:
                yield Record(number, cells, columns)

    def refuse(self, table: Table, number: int, cells: Sequence[str], why: str) -> None:
        """Count a row that cannot be read."""
        self.tally.refuse(table.file, number, why, ",".join(cells))

    def add(self, table: Table, topic: str, key: Key, counts: Counts) -> bool:
        """Add counts of a value, unless another table has given those of this topic and day. Whether any was new."""
        own = self._claims.keep((topic, key.domain, key.day), table.number, counts)
        if any(count is not None for count in own):
            self._sums.add(key, own)
            return True
        return False
