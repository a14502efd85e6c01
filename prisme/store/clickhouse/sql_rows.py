"""Rows of a user's query, read as JSON from ClickHouse while they come."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from prisme.store.clickhouse.client import Stream
from prisme.store.sql_formats import Column, Row, Value

FORMAT: Final = "JSONCompactEachRowWithNamesAndTypes"
_PART: Final = 1 << 16  # bytes
# A value has as many bytes as its JSON, and some that it takes however short it is.
_BYTES_OF_VALUE: Final = 16
# What a value takes in ClickHouse is not more than so many times as much: 32 bytes for a 0 in a list.
TIMES_LARGER: Final = 32
_PLAIN: Final = re.compile(r"Bool|U?Int(8|16|32|64)|B?Float(16|32|64)")
_NUMBER: Final = re.compile(r"U?Int(128|256)|Decimal")
_JSON: Final = re.compile(r"Array|Map|Tuple|Nested|JSON|Object|Variant|Dynamic")
_WRAPPED: Final = re.compile(r"(?:LowCardinality\(|Nullable\()+")
_read_line = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_value = msgspec.json.Decoder().decode


def read_lines(stream: Stream) -> Iterator[list[msgspec.Raw]]:
    """The lines of a body, each as the JSON of its values."""
    rest = b""
    while part := stream.read(_PART):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield _read_line(line)
    if rest:
        yield _read_line(rest)


def read_texts(line: list[msgspec.Raw]) -> list[str]:
    """The names or the types of columns."""
    return [str(_read_value(value)) for value in line]


def describe(name: str, type_: str) -> Column:
    """A column, with ClickHouse's type."""
    bare = _WRAPPED.sub("", type_)
    if _PLAIN.match(bare):
        return Column(name, type_, "plain")
    if _NUMBER.match(bare):
        return Column(name, type_, "number")
    return Column(name, type_, "json" if _JSON.match(bare) else "text")


def size_of(line: list[msgspec.Raw]) -> int:
    """How large a row counts, in bytes."""
    return sum(len(memoryview(value)) + _BYTES_OF_VALUE for value in line)


class RowReader:
    """Reads rows with these columns."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._readers = [_choose(column) for column in columns]

    def read(self, line: list[msgspec.Raw]) -> Row:
        """The values of a row."""
        return tuple(read(bytes(value)) for read, value in zip(self._readers, line, strict=True))


def _choose(column: Column) -> Callable[[bytes], Value]:
    bare = _WRAPPED.sub("", column.type)
    if bare.startswith(("Float", "BFloat")):
        return _read_float
    if column.kind == "plain":
        return _read_plain
    if column.kind in ("number", "json"):
        return _read_raw
    return _read_time if bare.startswith("DateTime64") else _read_text


def _read_plain(value: bytes) -> Value:
    found: Value = _read_value(value)
    return found


def _read_float(value: bytes) -> Value:
    """No number and the infinities are texts."""
    found = _read_value(value)
    return None if found is None else float(found)


def _read_raw(value: bytes) -> Value:
    return None if value == b"null" else value.decode()


def _read_text(value: bytes) -> Value:
    found = _read_value(value)
    return found if found is None or isinstance(found, str) else value.decode()


def _read_time(value: bytes) -> Value:
    """Without the zeros at its end, as DuckDB writes it."""
    found = _read_text(value)
    return found.rstrip("0").rstrip(".") if isinstance(found, str) and "." in found else found
