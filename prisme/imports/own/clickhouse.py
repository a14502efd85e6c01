"""Files that ClickHouse wrote of tables of the Go program, written again as Parquet files of one form.

The tables are recognised by their columns. ClickHouse writes the same value in several ways, by its version and
settings: ids as texts, UUIDs or bytes, times as texts, numbers or timestamps, numbers as numbers or texts.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from prisme.base.errors import InputError
from prisme.imports.files import open_input
from prisme.imports.own.compression import name_compression
from prisme.imports.own.parts import Part, naming, quote, quote_path, read_part
from prisme.imports.tally import Tally
from prisme.store.foreign import ForeignFiles

PARQUET: Final = b"PAR1"
_SHOWN: Final = 10
_LINES: Final = 20  # of the head, to find one that is whole
_LONGEST_LINE: Final = 1 << 20

_OF_ALL: Final = ("session_uuid", "timestamp", "domain", "path", "visitor_id")
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
# By table: the columns that only it has, and all that are read.
_TABLES: Final[dict[str, tuple[set[str], tuple[str, ...]]]] = {
    "sessions": (
        {"entry_path", "exit_timestamp"},
        (
            "session_uuid", "domain", "entry_path", "exit_timestamp", "exit_path", "exit_status", "visitor_id",
            "operating_system", "browser_family", "device", "device_type", "referrer_domain", "country_code",
            *_UTM, "version", "pageviews", "sign",
        ),
    ),
    "events_custom": ({"timestamp", "keys", "values", "name"}, (*_OF_ALL, "name", "keys", "values")),
    "outbound_link_clicks": ({"timestamp", "link"}, (*_OF_ALL, "link")),
    "file_downloads": ({"timestamp", "url"}, (*_OF_ALL, "url")),
    "pageviews": ({"timestamp", "path"}, (*_OF_ALL, "status")),
}  # fmt: skip
# Rows that are no error: the program had them before its visits had ids with their time.
OLD: Final = "it is older than the ids of sessions"
CANCELLED: Final = "a cancelling row"
_NO_ROW: Final = "it is no JSON object of this table"
_NO_ID: Final = "session_uuid is no UUID"
_NO_TIME: Final = "its time is no time"
_NO_SITE: Final = "domain is empty"

_JSON: Final = """read_json({path}, format = 'newline_delimited', ignore_errors = true, compression = '{compression}',
    maximum_object_size = {longest}, columns = {{{columns}}})"""
# In two steps: what reads JSON and what sorts do not fit into the memory together.
_STAGE: Final = """
COPY (
    SELECT * EXCLUDE (id), CASE WHEN why IS NULL THEN id END AS session_uuid
    FROM (SELECT *, {why} AS why FROM (SELECT row_number() OVER () AS number, {id} AS id, {columns} FROM {source}))
) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)
"""
_SORT: Final = """
COPY (SELECT * FROM read_parquet({source}) ORDER BY session_uuid)
TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)
"""
_BAD: Final = "SELECT number, why FROM read_parquet({path}) WHERE why IN ({whys}) ORDER BY number"
_SKIPPED: Final = "SELECT why, count(*) FROM read_parquet({path}) WHERE why IN ({whys}) GROUP BY why"
_FIRST_OF_TIME: Final = "CAST('00000000-0000-7000-0000-000000000000' AS UUID)"
MACROS: Final = (
    # Versions that have no UUIDs in Parquet files write 16 bytes; some the two halves, each with its last byte first.
    # The version of a UUID is the first digit of its seventh byte.
    """
    CREATE MACRO turned(half) AS array_to_string(list_reverse(regexp_extract_all(half, '..')), '')
    """,
    """
    CREATE MACRO id_of(bytes) AS CASE
        WHEN octet_length(bytes) <> 16 THEN TRY_CAST(TRY(decode(bytes)) AS UUID)
        WHEN substr(hex(bytes), 13, 1) = '7' THEN TRY_CAST(hex(bytes) AS UUID)
        ELSE TRY_CAST(turned(substr(hex(bytes), 1, 16)) || turned(substr(hex(bytes), 17, 16)) AS UUID)
    END
    """,
    # A DateTime has 32 bits. TRY, where it fails, is slow, and so are times with zones.
    """
    CREATE MACRO time_of(text) AS CASE
        WHEN text LIKE '%-%' THEN CASE
            WHEN isfinite(TRY_CAST(text AS TIMESTAMP)) THEN epoch_us(TRY_CAST(text AS TIMESTAMP))
        END
        WHEN TRY_CAST(text AS BIGINT) BETWEEN 0 AND 4294967295 THEN TRY_CAST(text AS BIGINT) * 1000000
    END
    """,
    "CREATE MACRO host_of(domain) AS regexp_replace(lower(domain), ':[0-9]+$', '')",
    # The values are JSON. Of a key that is there twice, the last value counts.
    """
    CREATE MACRO properties_of(names, texts) AS '{' || array_to_string(list_transform(
        list_filter(range(1, 1 + len(names)), lambda i: NOT list_contains(names[i + 1:], names[i])),
        lambda i: CAST(to_json(names[i]) AS VARCHAR) || ':' || CASE
            WHEN json_valid(texts[i]) THEN texts[i] ELSE coalesce(CAST(to_json(texts[i]) AS VARCHAR), 'null')
        END
    ), ',') || '}'
    """,
)


def find_table(names: set[str]) -> str:
    """The table with these columns, or an empty text."""
    if "session_uuid" not in names:
        return ""
    return next((table for table, (own, _) in _TABLES.items() if own <= names), "")


def find_json_table(lines: Iterable[bytes]) -> str:
    """The table of lines of JSON, by the first one that is whole; an empty text where there is none."""
    for line in islice(lines, _LINES):
        try:
            row = msgspec.json.decode(line)
        except ValueError:
            continue
        return find_table(set(row)) if isinstance(row, dict) else ""
    return ""


class _Found(NamedTuple):
    """A file's table, the SQL to read it, and the types of its columns; no table for a file without a row."""

    table: str
    sql: str
    types: Mapping[str, str]
    is_parquet: bool


def stage(files: ForeignFiles, path: Path, target: Path, tally: Tally) -> tuple[str, Part] | None:
    """Write a file again; gives its table, and None for a file without rows. Raises InputError, which names the file.

    Rows that are not wanted, or cannot be read, have no id in the new file, and are counted here.
    """
    found = _look(files, path)
    if not found.table:
        return None
    unsorted = target.with_suffix(".unsorted")
    with naming(path):
        files.run(_statement(found, unsorted))
        files.run(_SORT.format(source=quote_path(unsorted), target=quote(str(target))))
    unsorted.unlink()
    part = read_part(files, target)
    _count(files, path, part, tally, found.is_parquet)
    return found.table, part


def _look(files: ForeignFiles, path: Path) -> _Found:
    with path.open("rb") as file:
        start = file.read(len(PARQUET))
    if start == PARQUET:
        part = read_part(files, path)
        found = _Found(find_table(set(part.columns)), part.sql, part.columns, True)
    else:
        with naming(path):
            compression = name_compression(path, start)
            with open_input(path) as opened:
                lines = (line for line in opened.lines() if line.strip())
                first = next(lines, b"")
                table = find_json_table(chain([first], lines))
        if not first:
            return _Found("", "", {}, False)
        types = _json_types(table)
        found = _Found(table, _json_source(path, types, compression), types, False)
    if not found.table:
        raise InputError(f"{path}: it is no table of the Go program, as Parquet or as JSON with a row on each line")
    return found


def _json_types(table: str) -> dict[str, str]:
    names = _TABLES[table][1] if table else ()
    return {name: "VARCHAR[]" if name in ("keys", "values") else "VARCHAR" for name in names}


def _json_source(path: Path, types: Mapping[str, str], compression: str) -> str:
    columns = ", ".join(f"\"{name}\": '{kind}'" for name, kind in types.items())
    return _JSON.format(path=quote_path(path), compression=compression, longest=_LONGEST_LINE, columns=columns)


def _statement(found: _Found, target: Path) -> str:
    table, values = found.table, _Values(found.types)
    columns = _session_columns(values) if table == "sessions" else _row_columns(table, values)
    time = '"exit"' if table == "sessions" else '"at"'
    rules = [
        (f"id IS NULL AND {time} IS NULL", _NO_ROW),
        ("id IS NULL", _NO_ID),
        *([("sign < 0", CANCELLED)] if table == "sessions" else []),
        (f"id = {_FIRST_OF_TIME} OR uuid_extract_version(id) IS DISTINCT FROM 7", OLD),
        (f"{time} IS NULL", _NO_TIME),
        *([("domain = ''", _NO_SITE)] if table == "sessions" else []),
    ]
    why = f"CASE {' '.join(f'WHEN {rule} THEN {quote(text)}' for rule, text in rules)} END"
    listed = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    return _STAGE.format(
        why=why, id=values.id("session_uuid"), columns=listed, source=found.sql, target=quote(str(target))
    )


def _session_columns(values: "_Values") -> dict[str, str]:
    domain, referrer = values.text("domain"), values.text("referrer_domain")
    version = f"coalesce({values.number('version')}, {values.number('pageviews')}, 0)"
    return {
        "domain": domain,
        "entry_path": values.text("entry_path"),
        "exit": values.time("exit_timestamp"),
        "exit_path": values.text("exit_path"),
        "status": values.status("exit_status"),
        "visitor": values.text("visitor_id"),
        # One system has one name.
        "os": f"CASE {values.text('operating_system')} WHEN 'Mac OS X' THEN 'macOS' WHEN '' THEN 'Other' "
        f"ELSE {values.text('operating_system')} END",
        "browser": f"coalesce(nullif({values.text('browser_family')}, ''), 'Other')",
        # That is all that Chrome's reduced User-Agent says.
        "device": f"CASE WHEN {values.text('device')} IN ('', 'K') THEN 'Other' ELSE {values.text('device')} END",
        "device_type": values.text("device_type"),
        "country": f"coalesce(nullif({values.text('country_code')}, ''), 'XX')",
        # A site is never its own source.
        "referrer": f"CASE WHEN {referrer} = '' OR host_of({referrer}) = host_of({domain}) "
        f"THEN 'direct' ELSE {referrer} END",
        **{name: values.text(name) for name in _UTM},
        "pageviews": f"greatest(0, least({version}, 4294967295))",
        "sign": f"coalesce({values.number('sign')}, 1)",
    }


def _row_columns(table: str, values: "_Values") -> dict[str, str]:
    return {
        "at": values.time("timestamp"),
        "domain": values.text("domain"),
        "path": values.text("path"),
        "status": values.status("status") if table == "pageviews" else "0",
        "name": values.text("name"),
        "properties": values.properties() if table == "events_custom" else "''",
        "url": values.text("link" if table == "outbound_link_clicks" else "url"),
        "visitor": values.text("visitor_id"),
    }


class _Values:
    """Expressions for the values of columns of any type that ClickHouse writes them in."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types

    def text(self, name: str) -> str:
        """A text, empty where there is none."""
        kind = self._types.get(name)
        if kind is None:
            return "''"
        return f"coalesce({_decode(kind)}, '')".format(f'"{name}"')

    def number(self, name: str) -> str:
        """An integer, or NULL."""
        return f"TRY_CAST({self.text(name)} AS BIGINT)"

    def status(self, name: str) -> str:
        """A status, 200 where there is none."""
        number = self.number(name)
        return f"CASE WHEN {number} BETWEEN 100 AND 999 THEN {number} ELSE 200 END"

    def id(self, name: str) -> str:
        """A UUID, or NULL."""
        if self._types.get(name) == "BLOB":
            return f'id_of("{name}")'
        return f'TRY_CAST("{name}" AS UUID)'

    def time(self, name: str) -> str:
        """Microseconds, or NULL. What names no zone is in UTC; a number is of seconds."""
        kind = self._types.get(name, "")
        if kind.startswith(("TIMESTAMP", "DATE")):
            return f'TRY(epoch_us(CAST("{name}" AS TIMESTAMP)))'
        return f"time_of({self.text(name)})"

    def properties(self) -> str:
        """A JSON object of the lists of keys and values."""
        return f"properties_of({self._list('keys')}, {self._list('values')})"

    def _list(self, name: str) -> str:
        decode = _decode(self._types[name].removesuffix("[]")).format("one")
        return f'coalesce(list_transform("{name}", lambda one: {decode}), [])'


def _decode(kind: str) -> str:
    """An expression for a value as a text, with `{}` for its name."""
    return {"VARCHAR": "{}", "BLOB": "TRY(decode({}))"}.get(kind, "CAST({} AS VARCHAR)")


def _count(files: ForeignFiles, path: Path, part: Part, tally: Tally, is_parquet: bool) -> None:
    target = quote_path(part.path)
    for why, count in files.rows(_SKIPPED.format(path=target, whys=f"{quote(OLD)}, {quote(CANCELLED)}")):
        tally.skip(why, count)
    whys = ", ".join(quote(why) for why in (_NO_ROW, _NO_ID, _NO_TIME, _NO_SITE))
    bad = files.rows(_BAD.format(path=target, whys=whys))
    lines: Iterator[tuple[int, str]] | None = None
    for shown, (number, why) in enumerate(bad):
        text = ""
        if shown < _SHOWN and not is_parquet:
            lines = lines or _number_lines(path)
            text = next((line for found, line in lines if found == number), "")
        tally.refuse(path.name, number, why, text)


def _number_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank."""
    with open_input(path) as found:
        lines = (line for line in found.lines() if line.strip())
        for number, line in enumerate(lines, 1):
            yield number, line.decode("utf-8", "replace")
