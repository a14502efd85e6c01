"""Reads what `prisme export` wrote: all columns of all tables, as they were."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.items import Figure, Item
from prisme.imports.own.joining import KINDS, Progress, Source, join
from prisme.imports.own.parts import Columns, Part, is_month, naming, quote, read_part
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally
from prisme.store.foreign import ForeignFiles

FIGURES: Final = "imported_figures"
# The columns that tell the tables apart.
_TABLES: Final = {
    "sessions": {"session_uuid", "entry_timestamp", "entry_path", "exit_timestamp", "pageviews"},
    "pageviews": {"session_uuid", "timestamp", "path", "status"},
    "events_custom": {"session_uuid", "timestamp", "path", "name", "properties"},
    "file_downloads": {"session_uuid", "timestamp", "path", "url"},
    "outbound_link_clicks": {"session_uuid", "timestamp", "path", "link"},
    FIGURES: {"domain", "day", "dimension", "value"},
}
_TEXTS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "click_id", "region", "city")
_COUNTS: Final = ("visitors", "sessions", "pageviews", "events", "bounces", "seconds")
_INDEX: Final = "export.json"
_PARQUET: Final = b"PAR1"
_ORPHAN: Final = "its session is not in these files"
_NO_ID: Final = "the id of its visit is no UUIDv7"


def recognise(name: str, head: bytes) -> bool:
    """Whether this is the folder of an export, or a file of one."""
    path = Path(name)
    if head:
        return is_month(path) if head.startswith(_PARQUET) else path.name == _INDEX
    with suppress(OSError, ValueError):
        return (path / _INDEX).is_file() or any(path.glob("sessions/*.parquet"))
    return False


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """The visits of each export, and then its figures. Raises InputError for files that are no such files."""
    done = 0
    for folder, paths in _by_export(files).items():
        size = sum(path.stat().st_size for path in paths)
        with ForeignFiles(reading.temporary) as database:
            parts, figures = _find_parts(database, paths, reading.tally)
            source = Source(parts, select_sessions, select_rows, (), _ORPHAN, _NO_ID)
            with naming(folder):
                yield from join(database, source, reading.tally, Progress(reading, done, size))
                yield from _read_figures(database, figures, reading.tally)
        done += size
        reading.tell(done)


def _by_export(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """The files of each export, by its folder. The folder, its list of files, or the files themselves may be given."""
    found: dict[Path, dict[Path, None]] = {}
    for path in files:
        if path.is_dir() or path.name == _INDEX:
            folder = (path if path.is_dir() else path.parent).resolve()
            paths = sorted(folder.glob("*/*.parquet"))
            if not paths:
                raise InputError(f"{path}: there are no files of an export in it, such as sessions/2026-11.parquet")
        else:
            paths = [path.resolve()]
            folder = paths[0].parent.parent if paths[0].parent.name in _TABLES else paths[0].parent
        found.setdefault(folder, {}).update(dict.fromkeys(paths))
    return {folder: list(paths) for folder, paths in found.items()}


def _find_parts(
    database: ForeignFiles, paths: Iterable[Path], tally: Tally
) -> tuple[dict[str, list[Part]], list[Part]]:
    parts: dict[str, list[Part]] = {}
    for path in paths:
        part = read_part(database, path)
        table = next((table for table, names in _TABLES.items() if names <= part.columns.keys()), None)
        if table is None and (path.parent.name in _TABLES or not _is_of_folder(path)):
            raise InputError(f"{path}: it has not the columns of a table of Prisme")
        if table is None:
            tally.rows += part.rows
            tally.skip("a table that this version does not know", part.rows)
            continue
        parts.setdefault(table, []).append(part)
    return parts, parts.pop(FIGURES, [])


def _is_of_folder(path: Path) -> bool:
    """Whether a file is of an export: then it may have a table of a newer version."""
    return (path.parent.parent / _INDEX).is_file()


def select_sessions(parts: Sequence[Part]) -> str:
    """The SELECT for sessions; older exports have no click ids, regions and cities."""
    columns = Columns(parts)
    return columns.select(
        {
            "session_uuid": columns.id(),
            "domain": columns.text("domain"),
            "entry": columns.time("entry_timestamp"),
            "entry_path": columns.text("entry_path"),
            "exit": columns.time("exit_timestamp"),
            "exit_path": columns.text("exit_path"),
            "status": columns.number("exit_status", "200"),
            "visitor": columns.text("visitor_id"),
            "os": columns.text("operating_system", "Other"),
            "browser": columns.text("browser_family", "Other"),
            "device": columns.text("device", "Other"),
            "device_type": columns.text("device_type", "other"),
            "country": columns.text("country_code", "XX"),
            "referrer": columns.text("referrer_domain", "direct"),
            **{name: columns.text(name) for name in _TEXTS},
            "pageviews": columns.number("pageviews"),
            "events": columns.number("events"),
        }
    )


def select_rows(table: str, parts: Sequence[Part]) -> str:
    """The SELECT for rows of the other tables."""
    columns = Columns(parts)
    return columns.select(
        {
            "session_uuid": columns.id(),
            "kind": quote(KINDS[table]),
            "at": columns.time("timestamp"),
            "path": columns.text("path"),
            "status": columns.number("status"),
            "name": columns.text("name"),
            "properties": columns.text("properties"),
            "url": columns.text("link" if table == "outbound_link_clicks" else "url"),
            "visitor": columns.text("visitor_id"),
        }
    )


def _read_figures(database: ForeignFiles, parts: Sequence[Part], tally: Tally) -> Iterator[Figure]:
    if not parts:
        return
    columns = Columns(parts)
    listed = {name: columns.text(name) for name in ("domain", "dimension", "value")}
    counts = {name: columns.number(name, "NULL") for name in _COUNTS}
    query = columns.select({"domain": listed.pop("domain"), "day": 'CAST("day" AS DATE)', **listed, **counts})
    # Several imports may have brought figures of one value: here they become one.
    sums = ", ".join(f"CAST(sum({name}) AS UBIGINT)" for name in _COUNTS)
    rows = f'SELECT domain, "day", dimension, "value", {sums}, count(*) FROM ({query}) GROUP BY ALL ORDER BY ALL'  # noqa: S608  # no text of a file's rows
    for *row, count in database.rows(rows):
        tally.rows += count
        if row[1] is None:
            tally.skip("a figure without a day")
            continue
        yield Figure(*row)


FORMAT: Final = Format("prisme", recognise, read)
