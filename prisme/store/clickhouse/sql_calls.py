"""DuckDB's functions as ClickHouse has them: by the list in `sql_functions.txt`, or written here if that is too little.

A function that is in neither never reaches ClickHouse.
"""

import importlib.resources
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from prisme.store.clickhouse.sql_text import Node, quote_text, unsupported

_FILE: Final = "sql_functions.txt"
_PLACE: Final = re.compile(r"\{(\d|\*|d|n)\}")
_numbers = itertools.count()
# DuckDB's names of parts of a time, and ClickHouse's.
_UNITS: Final[Mapping[str, str]] = {
    f"{unit}{end}": unit
    for unit in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
    for end in ("", "s")
}
_PARTS: Final[Mapping[str, str]] = {
    **{unit: unit for unit in _UNITS.values()},
    **{name: name for name in ("isodow", "isoyear", "epoch")},
    "dow": "dayofweek",
    "doy": "dayofyear",
    "dayofweek": "dayofweek",
    "weekday": "dayofweek",
    "dayofyear": "dayofyear",
}
# Of strftime: codes that ClickHouse has, some under another name.
_CODES: Final[Mapping[str, str]] = {
    **{code: code for code in "YmdHIpybajSfuwGV%"},
    "M": "i",
    "B": "M",
    "A": "W",
}  # fmt: skip
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]*")
# Functions that the parser takes for columns, as they have no brackets.
CLOCKS: Final = {"current_date": "today", "current_timestamp": "now", "localtimestamp": "now"}
_NOW: Final = frozenset({"now", "current_timestamp", "get_current_timestamp", "transaction_timestamp"})
_STEP: Final = re.compile(r"\s*(\d{1,9})\s+([A-Za-z]+)\s*")

# Writes an expression.
Write = Callable[[Node], str]
Special = Callable[[Sequence[Node], Write], str]


def _read_list() -> tuple[dict[str, list[str]], frozenset[str]]:
    """The expressions by DuckDB's name, and the names of aggregates and functions of windows."""
    found: dict[str, list[str]] = {}
    aggregates: set[str] = set()
    section = ""
    for line in importlib.resources.files("prisme.store.clickhouse").joinpath(_FILE).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            names, _, template = line.partition(" = ")
            for name in names.split():
                found.setdefault(name, []).append(template)
                if section in ("aggregates", "windows"):
                    aggregates.add(name)
    return found, frozenset(aggregates)


_TEMPLATES, _IN_LIST = _read_list()


def name_of(call: Node) -> str:
    """The name of a function, in lower case."""
    name: str = call["qualified_name"]["path"][-1].lower()
    return name


def arguments_of(call: Node) -> list[Node]:
    """The arguments of a call. Raises SqlError for named ones."""
    arguments = call.get("arguments", [])
    if any(argument.get("name") for argument in arguments):
        raise unsupported(f"an argument with a name, as {name_of(call)} has here,")
    return [argument["expression"] for argument in arguments]


def text_of(node: Node) -> str | None:
    """The value of a constant text; None for any other expression."""
    literal = node.get("literal", {}) if node.get("class") == "CONSTANT" else {}
    return literal.get("text", "") if literal.get("kind") == "STRING" else None


def write_scalar(call: Node, write: Write) -> str:
    """A call of a function of single values. Raises SqlError for one that is not known."""
    name, arguments = name_of(call), arguments_of(call)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(arguments, write)
    return fill(name, [write(argument) for argument in arguments])


def is_aggregate(name: str) -> bool:
    """Whether a function makes one value of many."""
    return name in _IN_LIST


def fill(name: str, arguments: Sequence[str], distinct: bool = False) -> str:
    """The expression of the list for a call. Raises SqlError."""
    for template in _TEMPLATES.get(name, ()):
        places = set(_PLACE.findall(template))
        count = len(places - {"*", "d", "n"})
        if (count == len(arguments) or ("*" in places and arguments)) and (not distinct or "d" in places):
            values = {str(place): argument for place, argument in enumerate(arguments)}
            values |= {"*": ", ".join(arguments), "d": "DISTINCT " * distinct, "n": str(next(_numbers))}
            return _PLACE.sub(partial(_pick, values), template)
    known = f" with {len(arguments)} arguments" if name in _TEMPLATES else ""
    raise unsupported(f"the function {name[:60]}{known}")


def _pick(values: Mapping[str, str], place: re.Match[str]) -> str:
    return values[place[1]]


def write_interval(text: str) -> str:
    """An interval such as `3 days`. Raises SqlError."""
    found = _STEP.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise unsupported(f"the interval {text[:60]}")
    return f"toInterval{unit.capitalize()}({int(found[1])})"


def _write_unit(node: Node, known: Mapping[str, str]) -> str:
    unit = known.get((text_of(node) or "").lower())
    if unit is None:
        raise unsupported(f"the part {text_of(node) or 'of a time that is no literal'}")
    return unit


def _date_trunc(arguments: Sequence[Node], write: Write) -> str:
    unit, value = _write_unit(arguments[0], _UNITS), write(arguments[1])
    return f"toDateTime64(dateTrunc('{unit}', {value}), 6, 'UTC')"


def _date_part(arguments: Sequence[Node], write: Write) -> str:
    return fill(_write_unit(arguments[0], _PARTS), [write(arguments[1])])


def _date_diff(arguments: Sequence[Node], write: Write) -> str:
    return f"dateDiff('{_write_unit(arguments[0], _UNITS)}', {write(arguments[1])}, {write(arguments[2])})"


def _date_sub(arguments: Sequence[Node], write: Write) -> str:
    return f"age('{_write_unit(arguments[0], _UNITS)}', {write(arguments[1])}, {write(arguments[2])})"


def _strftime(arguments: Sequence[Node], write: Write) -> str:
    time, form = arguments
    if text_of(form) is None:
        time, form = form, time
    codes = re.split(r"%(.|$)", text_of(form) or "%", flags=re.DOTALL)
    for place in range(1, len(codes), 2):
        if codes[place] not in _CODES:
            raise unsupported(f"strftime with %{codes[place]}")
        codes[place] = f"%{_CODES[codes[place]]}"
    return f"formatDateTime({write(time)}, {quote_text(''.join(codes))})"


def _is_instant(node: Node) -> bool:
    """Whether DuckDB has the value as a point in time, rather than as what a clock shows."""
    if node.get("class") == "CAST":
        return bool(node["type_expr"]["qualified_name"]["path"][-1].lower() == "timestamptz")
    if node.get("class") == "COLUMN_REF":
        return [name.lower() for name in node["column_names"]] == ["current_timestamp"]
    if node.get("class") != "FUNCTION":
        return False
    name = name_of(node)
    return name in _NOW or (name == "timezone" and not _is_instant(node["arguments"][1]["expression"]))


def _timezone(arguments: Sequence[Node], write: Write) -> str:
    zone, value = text_of(arguments[0]), write(arguments[1])
    if zone is None or not _ZONE.fullmatch(zone):
        raise unsupported("a time zone that is no literal name")
    if zone.upper() == "UTC":
        return value
    if _is_instant(arguments[1]):
        return f"toDateTime64(toString(toTimeZone(CAST({value} AS DateTime64(6, 'UTC')), '{zone}')), 6, 'UTC')"
    return f"toTimeZone(toDateTime64(toString({value}), 6, '{zone}'), 'UTC')"


def _json_keys_of(path: Node) -> str:
    """The arguments of ClickHouse's functions for the path of `->`: a name, a number, `$.a.b[0]` or `/a/b`."""
    literal = path.get("literal", {}) if path.get("class") == "CONSTANT" else {}
    text = literal.get("text", "")
    if literal.get("kind") == "INTEGER":
        return str(int(text) + 1 if int(text) >= 0 else int(text))  # the first one is 1
    if literal.get("kind") != "STRING":
        raise unsupported("a path in JSON that is no literal")
    if text.startswith("/"):
        return ", ".join(quote_text(part.replace("~1", "/").replace("~0", "~")) for part in text[1:].split("/"))
    if not text.startswith("$"):
        return quote_text(text)
    parts = re.findall(r'\.([^."\[\]*]+)|\."([^"]+)"|\[(\d{1,9})\]', text)
    keys = [str(int(number) + 1) if number else quote_text(plain or quoted) for plain, quoted, number in parts]
    if not keys or not re.fullmatch(r'\$(\.[^."\[\]*]+|\."[^"]+"|\[\d{1,9}\])+', text):
        raise unsupported(f"the path {text[:60]}")
    return ", ".join(keys)


def _json_text(arguments: Sequence[Node], write: Write) -> str:
    return f"JSONExtract({write(arguments[0])}, {_json_keys_of(arguments[1])}, 'Nullable(String)')"


def write_json_value(arguments: Sequence[Node], write: Write) -> str:
    """What a path of a JSON text leads to, as JSON."""
    return f"nullIf(JSONExtractRaw({write(arguments[0])}, {_json_keys_of(arguments[1])}), '')"


def _concat(arguments: Sequence[Node], write: Write) -> str:
    """Unlike `||`, it leaves out what is NULL."""
    texts = "".join(f"ifNull(toString({write(argument)}), ''), " for argument in arguments)
    return f"concat({texts}'')"


def _split_part(arguments: Sequence[Node], write: Write) -> str:
    text, separator, place = (write(argument) for argument in arguments)
    return f"arrayElement(splitByString({separator}, {text}), {place})"


def _like_escape(arguments: Sequence[Node], write: Write) -> str:
    """Only with a literal pattern: ClickHouse escapes by a backslash."""
    pattern, escape = (text_of(argument) for argument in arguments[1:])
    if pattern is None or escape is None or len(escape) > 1:
        raise unsupported("LIKE with a pattern or ESCAPE that is no literal")
    parts = re.split(f"{re.escape(escape)}(.)", pattern, flags=re.DOTALL) if escape else [pattern]
    written = [_escape(part) if place % 2 else part.replace("\\", "\\\\") for place, part in enumerate(parts)]
    return f"like({write(arguments[0])}, {quote_text(''.join(written))})"


def _like(function: str) -> Special:
    """A pattern in which a backslash stands for itself."""

    def write_call(arguments: Sequence[Node], write: Write) -> str:
        pattern = text_of(arguments[1])
        if pattern is None:
            written = f"replaceAll({write(arguments[1])}, '\\\\', '\\\\\\\\')"
        else:
            written = quote_text(pattern.replace("\\", "\\\\"))
        return f"{function}({write(arguments[0])}, {written})"

    return write_call


def _escape(character: str) -> str:
    return f"\\{character}" if character in "%_\\" else character


def _regexp_replace(arguments: Sequence[Node], write: Write) -> str:
    if len(arguments) == 4 and text_of(arguments[3]) == "g":
        return f"replaceRegexpAll({', '.join(write(argument) for argument in arguments[:3])})"
    return fill("regexp_replace", [write(argument) for argument in arguments])


def _checked(count: int, special: Special) -> Special:
    """`special` for calls with at least so many arguments; others are of no function that is known."""

    def write_call(arguments: Sequence[Node], write: Write) -> str:
        if len(arguments) < count:
            raise unsupported(f"this function with {len(arguments)} arguments")
        return special(arguments, write)

    return write_call


_SPECIAL: Final[Mapping[str, Special]] = {
    name: _checked(count, special)
    for names, count, special in (
        ("date_trunc datetrunc", 2, _date_trunc),
        ("date_part datepart", 2, _date_part),
        ("date_diff datediff", 3, _date_diff),
        ("date_sub datesub", 3, _date_sub),
        ("strftime", 2, _strftime),
        ("timezone", 2, _timezone),
        ("->> json_extract_string json_extract_path_text", 2, _json_text),
        ("-> json_extract json_extract_path", 2, write_json_value),
        ("concat", 1, _concat),
        ("split_part", 3, _split_part),
        ("like_escape", 3, _like_escape),
        ("~~", 2, _like("like")),
        ("!~~", 2, _like("notLike")),
        ("~~*", 2, _like("ilike")),
        ("!~~*", 2, _like("notILike")),
        ("regexp_replace", 3, _regexp_replace),
    )
    for name in names.split()
}


def listed_names() -> frozenset[str]:
    """DuckDB's names of all functions that ClickHouse has."""
    return frozenset(_TEMPLATES) | frozenset(_SPECIAL)
