"""Texts, names and types of a user's query as ClickHouse reads them: nothing in them can end before its own end."""

import re
from collections.abc import Mapping
from typing import Any, Final

from prisme.store.errors import SqlError

Node = Mapping[str, Any]

_TYPES: Final[Mapping[str, str]] = {
    name: type_
    for type_, names in {
        "Bool": "boolean bool logical",
        "Int8": "tinyint int1 int8",
        "Int16": "smallint int2 short int16",
        "Int32": "integer int int4 signed integral int32",
        "Int64": "bigint long oid int64",
        "Int128": "hugeint int128",
        "UInt8": "utinyint uint8",
        "UInt16": "usmallint uint16",
        "UInt32": "uinteger uint32",
        "UInt64": "ubigint uint64",
        "UInt128": "uhugeint uint128",
        "Float32": "float float4 real",
        "Float64": "double float8",
        "Decimal(18, 3)": "decimal dec numeric",
        "String": "varchar char bpchar text string nvarchar blob bytea binary varbinary json",
        "UUID": "uuid guid",
        "Date32": "date",
        "DateTime64(6, 'UTC')": "timestamp datetime timestamptz timestamp_us",
        "DateTime64(0, 'UTC')": "timestamp_s",
        "DateTime64(3, 'UTC')": "timestamp_ms",
        "DateTime64(9, 'UTC')": "timestamp_ns",
    }.items()
    for name in names.split()
}
# DuckDB's INT8 is what others call BIGINT.
_SAME_NAME: Final = {"int8": "Int64"}
_MARK: Final = "$"
_TOO_LARGE: Final = 1 << 64
_NUMBER: Final = re.compile(r"-?[0-9][0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9]+)?|-?\.[0-9]+([eE][+-]?[0-9]+)?")


def quote_text(text: str) -> str:
    """A literal. ClickHouse reads a backslash as the beginning of an escape, which DuckDB does not."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def encode_name(name: str) -> str:
    """What stands for a name of the user's: of lower case, as DuckDB tells no case apart, and with a mark.

    ClickHouse takes some names, such as `user`, for a function of its own where there is no column of that name.
    """
    return f"{name.lower()}{_MARK}"


def decode_name(name: str) -> str:
    """The name, in lower case, that ClickHouse's name of a column stands for."""
    return name.rpartition(f"{_MARK}.")[2].removesuffix(_MARK)


def hide_marks(text: str) -> str:
    """What ClickHouse says of names, with those of the user's."""
    return re.sub(rf"(?<=\S){re.escape(_MARK)}(?=[`'\".,:;)\s]|$)", "", text)


def quote_name(name: str) -> str:
    """An identifier for a name of the user's."""
    return '"' + encode_name(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_constant(node: Node) -> str:
    """A literal of any kind. Raises SqlError."""
    literal = node["literal"]
    kind, text = literal["kind"], literal.get("text", "")
    if kind == "NULL_LITERAL":
        return "NULL"
    if kind == "STRING":
        return quote_text(text)
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return str(text).lower()
    if kind in ("INTEGER", "NUMERIC") and _NUMBER.fullmatch(text):
        number = text.replace("_", "")
        if kind == "INTEGER" and abs(int(number)) >= _TOO_LARGE:
            return f"toInt256('{int(number)}')"  # as a literal, it would be a Float64
        return f"({number})" if number.startswith("-") else number
    raise unsupported(f"the literal {text[:60]}")


def write_type(node: Node) -> str:
    """The type of a cast. Raises SqlError."""
    name = node["qualified_name"]["path"][-1].lower()
    children = node.get("children", [])
    if name == "list" and len(children) == 1:
        return f"Array({write_type(children[0])})"
    sizes = [child.get("literal", {}).get("text", "") for child in children]
    if sizes and name in ("decimal", "dec", "numeric") and all(re.fullmatch("[0-9]{1,2}", size) for size in sizes):
        return f"Decimal({', '.join((*sizes, '0')[:2])})"
    if name not in _TYPES or (sizes and _TYPES[name] != "String"):
        raise unsupported(f"the type {name}")
    return _SAME_NAME.get(name, _TYPES[name])


def unsupported(what: str) -> SqlError:
    """The error for what only DuckDB has."""
    return SqlError(f"{what} is not supported where events are in ClickHouse (docs/query.md)")
