"""`prisme import list` and `prisme import undo`: what was imported, and how it is taken back."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from prisme.cli.access import system_user
from prisme.cli.delete import print_counts, tell
from prisme.cli.operate import Operator, add_folder, confirm, run_command
from prisme.cli.parser import Parser
from prisme.cli.table import format_table

if TYPE_CHECKING:
    from prisme.operations.imports import Import
    from prisme.runtime.config import Config

LIST: Final = "list what was imported, and when"
UNDO: Final = "delete all that an import has added, and nothing else"

_ABOUT_LIST: Final = """\
List the imports, the newest first: the name of each, when it was, and what it has
added. One without an end was cut off: import the same files again, and it goes on.
"""
_ABOUT_UNDO: Final = """\
Delete the visits and figures that an import has added, and nothing else. The numbers
are shown first, and you are asked.
  prisme import undo goatcounter-1
An undo that was cut off is completed by the same command.
"""
_COLUMNS: Final = {
    "name": "VARCHAR",
    "began (UTC)": "VARCHAR",
    "ended (UTC)": "VARCHAR",
    "visits": "INTEGER",
    "pageviews": "INTEGER",
    "events": "INTEGER",
    "figures": "INTEGER",
    "first day": "VARCHAR",
    "last day": "VARCHAR",
    "files": "VARCHAR",
}


def list_command(words: Sequence[str]) -> int:
    """`prisme import list`."""
    return run_command(make_list_parser(), words, _list)


def undo_command(words: Sequence[str]) -> int:
    """`prisme import undo`."""
    return run_command(make_undo_parser(), words, _undo)


def make_list_parser() -> argparse.ArgumentParser:
    """The parser of `prisme import list`."""
    parser = _make_parser("list", _ABOUT_LIST)
    parser.add_argument("--json", action="store_true", help="print JSON, with all that each import has reported")
    add_folder(parser)
    return parser


def make_undo_parser() -> argparse.ArgumentParser:
    """The parser of `prisme import undo`."""
    parser = _make_parser("undo", _ABOUT_UNDO)
    parser.add_argument("name", metavar="NAME", help="name of the import, as in the list")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _make_parser(name: str, about: str) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    return Parser(f"prisme import {name}", description=about, formatter_class=form)


def _list(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations.imports import Arguments, Import

    found = Operator(config).run("imports", Arguments(), list[Import])
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    elif found:
        columns = [{"name": name, "type": kind} for name, kind in _COLUMNS.items()]
        table = {"columns": columns, "rows": [_row(one) for one in found], "truncated": False}
        print(format_table(msgspec.json.encode(table), sys.stdout.isatty()), end="")
    else:
        print("no imports yet: `prisme import auto FILE` shows what it would bring", file=sys.stderr)


def _row(one: "Import") -> list[str | int]:
    began = f"{one.started:%Y-%m-%d %H:%M}"
    ended = f"{one.ended:%Y-%m-%d %H:%M}" if one.ended else "not complete"
    counts = one.visits, one.pageviews, one.events, one.figures
    days = (f"{time:%Y-%m-%d}" if time else "" for time in (one.first, one.last))
    return [one.name, began, ended, *counts, *days, ", ".join(one.files)]


def _undo(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.access.grants import operator as grant_of
    from prisme.operations.delete import Deleted
    from prisme.operations.undo import Arguments

    operator = Operator(config, not flags.quiet)
    if not (flags.yes or flags.dry_run):
        found = operator.run("undo", Arguments(flags.name, dry_run=True), Deleted)
        file = sys.stderr if flags.json or flags.quiet else sys.stdout
        if found.is_nothing:
            print(f"nothing is left of what {flags.name} has added", file=file)
        else:
            print_counts(found, is_done=False, file=file)
        confirm(f"Undo {flags.name}?", yes=False)
    arguments = Arguments(flags.name, flags.dry_run, grant_of(system_user()).actor)
    nothing = f"nothing {'is' if flags.dry_run else 'was'} left of what {flags.name} has added"
    tell(operator.run("undo", arguments, Deleted), flags, nothing)
    if not (flags.dry_run or flags.json or flags.quiet):
        print(f"{flags.name} is undone")
