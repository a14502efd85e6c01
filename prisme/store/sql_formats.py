"""Results of SQL of users as JSON and CSV, encoded while rows are fetched."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

# ClickHouse's types that only say how another one is stored, or that NULL may be among its values.
_WRAPPED: Final = re.compile(r"(?:LowCardinality\(|Nullable\()+")
Value = str | int | float | bool | None
Row = tuple[Value, ...]


class Column(NamedTuple):
    """Of a result: its name, the engine's type, and whether its values are plain, `number`, `json` or `text`."""

    name: str
    type: str
    kind: str

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, and no truth values."""
        return self.kind in ("plain", "number") and "BOOL" not in self.type.upper()

    @property
    def is_time(self) -> bool:
        """Whether its values are days or points in time."""
        return _WRAPPED.sub("", self.type).upper().startswith(("DATE", "TIMESTAMP"))


class Encoder(Protocol):
    """Makes bytes of a result: its columns, then rows in several parts, and its end."""

    body: bytearray

    def begin(self, columns: Sequence[Column]) -> None: ...

    def add(self, rows: Iterable[Row]) -> None: ...

    def end(self, is_cut: bool) -> None: ...


class JsonEncoder:
    """`{"columns": [{"name", "type"}], "rows": [[…]], "truncated": …}`; no number (`NaN`) is null."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._kinds: list[str] = []
        self._has_rows = False

    def begin(self, columns: Sequence[Column]) -> None:
        self._kinds = [column.kind for column in columns]
        heads = msgspec.json.encode([{"name": column.name, "type": column.type} for column in columns])
        self.body += b'{"columns":' + heads + b',"rows":['

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            values = [_json_value(value, kind) for value, kind in zip(row, self._kinds, strict=True)]
            self.body += b"," * self._has_rows + msgspec.json.encode(values)
            self._has_rows = True

    def end(self, is_cut: bool) -> None:
        self.body += b'],"truncated":' + (b"true}" if is_cut else b"false}")


class CsvEncoder:
    """CSV (RFC 4180) with a header; NULL is empty."""

    def __init__(self) -> None:
        self.body = bytearray()

    def begin(self, columns: Sequence[Column]) -> None:
        self._write([tuple(column.name for column in columns)])

    def add(self, rows: Iterable[Row]) -> None:
        self._write(rows)

    def end(self, is_cut: bool) -> None:
        """Nothing: a file of rows cannot say that it was cut."""

    def _write(self, rows: Iterable[Row]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows([as_text(value) for value in row] for row in rows)
        self.body += text.getvalue().encode("utf-8", "replace")


def as_text(value: Value) -> str:
    """A value as DuckDB would write it; NULL is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _json_value(value: Value, kind: str) -> object:
    if not isinstance(value, str):
        return value
    if kind == "number":
        return msgspec.Raw(value.encode())
    # DuckDB's JSON may hold NaN and Infinity, which nobody else's may.
    return msgspec.Raw(value.encode()) if kind == "json" and _is_json(value) else value


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True
