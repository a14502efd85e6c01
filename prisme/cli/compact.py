"""`prisme compact`: give the room of deleted rows back to the disk, with or without a running server."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from prisme.cli.delete import describe
from prisme.cli.operate import Operator, add_folder, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.runtime.config import Config

SUMMARY = "give the room of deleted rows back to the disk"


def command(words: Sequence[str]) -> int:
    """`prisme compact`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme compact", description=f"{SUMMARY.capitalize()}: write the file again without it.")
    parser.add_argument("--dry-run", action="store_true", help="only show how much can be given back")
    parser.add_argument(
        "--always",
        action="store_true",
        help="also where that is less than a twentieth of the file, so that no byte of a deleted row stays in it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations.compact import Arguments, Compaction

    found = Operator(config, not flags.quiet).run("compact", Arguments(flags.dry_run, flags.always), Compaction)
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    elif not flags.quiet:
        print(describe(found))
        if not (found.is_done or flags.dry_run):
            print("nothing was done, as that is less than a twentieth of it; --always does it all the same")
