"""`prisme export`: all tables as Parquet files in a folder, and later what has changed."""

import argparse
import contextlib
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from prisme.base.errors import InputError
from prisme.cli.operate import Operator, add_folder, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.operations.export import File
    from prisme.runtime.config import Config

SUMMARY = "write all tables as Parquet files"
INDEX = "export.json"
_ABOUT = """\
Write the tables as Parquet files, one for each table and month (UTC), while the server runs
or without it. All files of a table have one schema.
  prisme export /backup/prisme                   everything
  prisme export /backup/prisme                   again: only months that have changed
  prisme export /backup/prisme --since 2026-11   nothing before that month
Ctrl-C keeps the files that are whole; the next export goes on from there.
"""


class _Entry(msgspec.Struct):
    """A file of an export: its size and rows, and what changes with any of them."""

    bytes: int
    rows: int
    check: str


class _Index(msgspec.Struct):
    """What `export.json` holds; `schema_version` is 0 until an export was whole."""

    schema_version: int = 0
    files: dict[str, _Entry] = {}


def command(words: Sequence[str]) -> int:
    """`prisme export`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme export", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where to write; created where it is missing")
    parser.add_argument("--since", metavar="MONTH", help="the first month, such as 2026-11; default: all")
    add_folder(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations import export

    target = _Target(flags.folder)
    arguments = export.Arguments(target.known(), flags.since or export.EARLIEST)
    try:
        done = Operator(config, not flags.quiet).run("export", arguments, export.Exported, target.receive)
    finally:
        target.drop_part()
    removed = target.finish(done.names, done.schema_version, arguments.since)
    if flags.json:
        sys.stdout.buffer.write(
            msgspec.json.format(msgspec.json.encode({"written": target.written, "removed": removed})) + b"\n"
        )
        return
    if flags.quiet:
        return
    rows = sum(file.rows for file in target.written)
    unchanged = len(done.names) - len(target.written)
    print(f"wrote {len(target.written):,} files with {rows:,} rows to {flags.folder}; unchanged: {unchanged:,}")
    for name in removed:
        print(f"removed {name}, as all its rows were deleted")


class _Target:
    """The folder of an export. What is received is a line of JSON for each file, and then its bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._index = self._read_index()
        self.written: list[File] = []
        self._head = b""
        self._file: tuple[File, IO[bytes]] | None = None
        self._missing = 0  # bytes

    def known(self) -> dict[str, str]:
        """The checks of files that are there, by name."""
        return {name: entry.check for name, entry in self._index.files.items() if self._is_there(name, entry)}

    def receive(self, data: bytes) -> None:
        """Write what was sent. Raises OSError."""
        while data:
            if self._file is None:
                head, is_whole, data = data.partition(b"\n")
                self._head += head
                if is_whole:
                    self._begin()
            else:
                self._file[1].write(data[: self._missing])
                data, self._missing = data[self._missing :], max(0, self._missing - len(data))
            if self._file is not None and not self._missing:
                self._end(*self._file)

    def drop_part(self) -> None:
        """Remove a file that is not whole."""
        if self._file is not None:
            self._file[1].close()
            Path(self._file[1].name).unlink()

    def finish(self, names: Collection[str], schema_version: int, since: str) -> list[str]:
        """Remove files whose rows were all deleted; gives their names. `names` are those that belong to the export."""
        gone = [name for name in self._index.files if name not in names and _month(name) >= since]
        for name in gone:
            (self._folder / name).unlink(missing_ok=True)
            del self._index.files[name]
        self._index.schema_version = schema_version
        self._write_index()
        return gone

    def _begin(self) -> None:
        from prisme.operations.export import File

        file = msgspec.json.decode(self._head, type=File)
        path = self._folder / f"{file.name}.part"
        path.parent.mkdir(exist_ok=True)
        self._file, self._missing, self._head = (file, path.open("wb")), file.bytes, b""

    def _end(self, file: "File", stream: IO[bytes]) -> None:
        stream.flush()
        os.fsync(stream.fileno())
        stream.close()
        self._file = None
        Path(stream.name).replace(self._folder / file.name)
        self.written.append(file)
        self._index.files[file.name] = _Entry(file.bytes, file.rows, file.check)
        self._write_index()

    def _is_there(self, name: str, entry: _Entry) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / name).stat().st_size == entry.bytes
        return False

    def _read_index(self) -> _Index:
        path = self._folder / INDEX
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Index)
        except FileNotFoundError:
            if any(self._folder.iterdir()):
                raise InputError(f"{self._folder} has other files: choose an empty folder, or a new one") from None
            return _Index()
        except msgspec.DecodeError as error:
            raise InputError(f"{path} is not the index of an export: {error}") from error

    def _write_index(self) -> None:
        part = self._folder / f"{INDEX}.part"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(self._index)) + b"\n")
        part.replace(self._folder / INDEX)


def _month(name: str) -> str:
    return Path(name).stem
