"""`prisme status`: what a data folder holds, and whether a server uses it."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from prisme.cli.operate import Operator, add_folder, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.runtime.config import Config

SUMMARY = "show what is stored, and whether the server runs"


def command(words: Sequence[str]) -> int:
    """`prisme status`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme status", description=f"{SUMMARY.capitalize()}.")
    add_folder(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations import status

    found = Operator(config).run("status", status.Arguments(), status.Status)
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        return
    state = f"runs as process {found.process}" if found.process else "does not run"
    print(f"Prisme {found.version} {state}, with the data folder {found.folder}")
    print(f"database  {found.database_bytes / 1e6:,.1f} MB")
    print(f"journal   {found.journal_bytes / 1e6:,.1f} MB")
    for table, count in found.rows.items():
        print(f"{table:<21} {count:>14,} rows")
    told = "complete" if found.rollups_complete else "not complete: `prisme rollups` shows what is missing"
    print(f"rollups   {told}")
