"""`prisme backup`: writes all of a data folder to one file, while the server runs or not, and checks such a file."""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from prisme.base.errors import InputError
from prisme.cli.operate import Operator, UsageError, add_folder, run_command
from prisme.cli.parser import Parser
from prisme.cli.progress import progress_bar
from prisme.runtime.local_socket import Progress

if TYPE_CHECKING:
    from prisme.runtime.config import Config
    from prisme.store.archive import Manifest

SUMMARY = "write all data to one file, or check such a file"
_PATTERN: Final = "prisme-????-??-??T??????Z.tar"
_EPILOG = """\
In a folder, the file is named after the time: prisme-2026-11-29T164000Z.tar.
`prisme restore` puts it back. A file that is there already is not overwritten;
with --check, it is checked, and no backup is made.
"""


def command(words: Sequence[str]) -> int:
    """`prisme backup`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser(
        "prisme backup",
        description=f"{SUMMARY.capitalize()}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="FILE|FOLDER", help="where to write it")
    parser.add_argument(
        "--keep", metavar="N", type=_parse_count, help="remove all but the latest N backups of the folder afterwards"
    )
    parser.add_argument("--check", action="store_true", help="unpack it in a temporary folder, and compare all rows")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of backups, such as 7")
    return int(text)


def _do(flags: argparse.Namespace, config: "Config") -> None:
    target = Path(flags.target)
    is_folder = target.is_dir()
    if flags.target.endswith("/") and not is_folder:
        raise InputError(f"there is no folder {target}: create it first")
    if flags.keep is not None and not is_folder:
        raise UsageError(f"--keep is for a folder, and {target} is none")
    if not is_folder and target.exists():
        if not flags.check:
            raise InputError(f"{target} is there already: choose another name, or check it with --check")
        _tell(flags, target, check_archive(target, flags), "checked", [])
        return
    path, manifest = _make(flags, config, target)
    removed = _remove_old(target, flags.keep) if flags.keep is not None else []
    _tell(flags, path, manifest, "written and checked" if flags.check else "written", removed)


def _make(flags: argparse.Namespace, config: "Config", target: Path) -> tuple[Path, "Manifest"]:
    """Write a new file; it is there only once it is whole, and checked."""
    from prisme.operations.backup import Arguments
    from prisme.store import snapshot
    from prisme.store.archive import Manifest

    is_folder = target.is_dir()
    parent = target if is_folder else target.parent
    if not parent.is_dir():
        raise InputError(f"there is no folder {parent}: create it first")
    with _part(target) as part:
        with part.open("r+b") as file:
            manifest = Operator(config, not flags.quiet).run("backup", Arguments(), Manifest, _Receiver(file, parent))
        if flags.check:
            check_archive(part, flags)
        name = f"prisme-{manifest.taken.replace(':', '')}.tar"
        path = parent / name if is_folder else target
        snapshot.settle(part, path)
    return path, manifest


@contextlib.contextmanager
def _part(target: Path) -> Iterator[Path]:
    """A new file in the folder, or beside the file, that is removed where it is still there after the block."""
    part = target / "prisme.tar.part" if target.is_dir() else target.with_name(f"{target.name}.part")
    # What a command left that was killed is written again; a lock ends with its process.
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = part.exists() and os.path.samestat(part.stat(), os.fstat(descriptor))
        except BlockingIOError:
            is_ours = False
        if not is_ours:
            raise InputError(f"another backup is being written to {part}: try again when that has ended")
        os.truncate(descriptor, 0)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


class _Receiver:
    """Writes the archive, after a look at whether there is room for it. Raises InputError."""

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._is_new = True

    def __call__(self, part: bytes) -> None:
        if self._is_new:
            self._check_room(part)
            self._is_new = False
        self._file.write(part)

    def _check_room(self, part: bytes) -> None:
        from prisme.store.archive import ArchiveReader

        needed, free = ArchiveReader([part]).manifest.bytes, shutil.disk_usage(self._folder).free
        if free < needed:
            raise InputError(
                f"the backup needs {needed / 1e6:,.0f} MB in {self._folder}: {free / 1e6:,.0f} MB are free"
            )


def check_archive(path: Path, flags: argparse.Namespace) -> "Manifest":
    """Unpack a backup in a temporary folder, and compare its rows with its manifest. Raises InputError."""
    from prisme.store.archive import CONTROL, DATABASE, ArchiveReader, read_parts
    from prisme.store.backup import check_files

    with (
        tempfile.TemporaryDirectory(prefix=".prisme-check-", dir=os.environ.get("TMPDIR", path.parent)) as folder,
        progress_bar(not flags.quiet) as tell,
    ):
        try:
            reader = ArchiveReader(read_parts(path))
            needed, free = reader.manifest.bytes, shutil.disk_usage(folder).free
            if free < needed:
                raise InputError(
                    f"the check needs {needed / 1e6:,.0f} MB in {Path(folder).parent}, which has "
                    f"{free / 1e6:,.0f}: set TMPDIR to another folder"
                )
            files = {name: Path(folder, name) for name in (DATABASE, CONTROL)}
            for name, file in files.items():
                reader.unpack(name, file, lambda name, at, all_: tell(Progress(f"unpacking {name}", at, all_, "bytes")))
            reader.end()
            check_files(
                reader.manifest, files, Path(folder), lambda what, at, all_: tell(Progress(what, at, all_, "rows"))
            )
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    return reader.manifest


def _remove_old(folder: Path, most: int) -> list[Path]:
    """Remove all but the latest backups, which their names say."""
    old = sorted(folder.glob(_PATTERN))[:-most]
    for path in old:
        path.unlink()
    return old


def _tell(flags: argparse.Namespace, path: Path, manifest: "Manifest", what: str, removed: list[Path]) -> None:
    rows = {name: sums.rows for name, sums in manifest.tables.items()}
    if flags.json:
        told: dict[str, Any] = {
            "file": str(path),
            "bytes": path.stat().st_size,
            "taken": manifest.taken,
            "is_checked": flags.check,
            "rows": rows,
            "removed": [str(one) for one in removed],
        }
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    elif not flags.quiet:
        print(f"{what}: {path}, {path.stat().st_size / 1e6:,.1f} MB, of {manifest.taken}")
        print(f"pageviews: {rows['pageviews']:,}, sessions: {rows['sessions']:,}")
        for one in removed:
            print(f"removed: {one}")
