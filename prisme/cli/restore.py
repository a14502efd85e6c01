"""`prisme restore`: puts a backup in the place of what a data folder has, while the server runs or not."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from prisme.base.errors import InputError
from prisme.cli.operate import Operator, add_folder, confirm, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.runtime.config import Config

SUMMARY = "put a backup in the place of all data"
_EPILOG = """\
The backup is checked first. What was there is kept in the data folder, in
before-restore-TIME. Events that come in meanwhile are stored with the backup's.
"""


def command(words: Sequence[str]) -> int:
    """`prisme restore`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser(
        "prisme restore",
        description=f"{SUMMARY.capitalize()}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="what `prisme backup` wrote")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations.restore import Arguments, Restored
    from prisme.store.archive import ArchiveReader, read_parts

    path: Path = flags.file
    try:
        manifest = ArchiveReader(read_parts(path)).manifest
        confirm(f"Put the backup of {manifest.taken} in the place of all data in {config.data_dir}?", flags.yes)
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = Operator(config, not flags.quiet).run("restore", Arguments(), Restored, upload=read_parts(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    rows = {name: sums.rows for name, sums in found.manifest.tables.items()}
    if flags.json:
        told = {"taken": found.manifest.taken, "rows": rows, "kept": found.kept}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        return
    if flags.quiet:
        return
    print(f"restored: {path}, of {manifest.taken}, pageviews: {rows['pageviews']:,}, sessions: {rows['sessions']:,}")
    if found.kept:
        print(f"what was there before is in {found.kept}")
        print("to go back to it: stop Prisme, move its files back into the data folder, start Prisme")
