"""`prisme delete`: delete visits by site, path, visitor and date, with or without a running server."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import msgspec

from prisme.cli.access import system_user
from prisme.cli.operate import Operator, UsageError, add_folder, confirm, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.operations.compact import Compaction
    from prisme.operations.delete import Arguments, Deleted
    from prisme.runtime.config import Config

SUMMARY = "delete visits by site, path, visitor and date"

_ABOUT = """\
Delete visits with all their pageviews and events. Several of --site, --path, --visitor
and --before mean what all of them say. The numbers are shown first, and you are asked.
  prisme delete --site old.example.com
  prisme delete --visitor member-17 --yes
  prisme delete --before 2026-01-01
  prisme delete --site example.com --path '/drafts/*' --dry-run
With --path, what happened on these paths is deleted, and the rest of a visit stays.
"""


def command(words: Sequence[str]) -> int:
    """`prisme delete`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme delete", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", metavar="HOST", help="of this site, such as example.com, or *.example.com")
    parser.add_argument(
        "--path", metavar="PATTERN", help="what happened on these paths: /old, /blog/*, or several: a,b*"
    )
    parser.add_argument("--visitor", metavar="ID", help="visits in which this visitor id occurs, as your site sent it")
    parser.add_argument("--before", metavar="DATE", help="visits that began before this, such as 2026-01-01, now-1y/d")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--no-compact", action="store_true", help="do not make the file smaller afterwards")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.operations.delete import Arguments, Deleted

    arguments = Arguments(flags.site, flags.path, flags.visitor, flags.before, dry_run=True)
    if arguments == Arguments(dry_run=True):
        raise UsageError("say what to delete: --site, --path, --visitor, --before, or several of these")
    operator = Operator(config, not flags.quiet)
    before = None
    if not (flags.yes or flags.dry_run):
        found = operator.run("delete", arguments, Deleted)
        if found.is_nothing:
            tell(found, flags)
            return
        print_counts(found, is_done=False, file=sys.stderr if flags.json else sys.stdout)
        confirm("Delete them?", yes=False)
        before = found.before
    tell(operator.run("delete", _confirmed(arguments, before, flags), Deleted), flags)


def _confirmed(arguments: "Arguments", before: str | None, flags: argparse.Namespace) -> "Arguments":
    from prisme.access.grants import operator

    return msgspec.structs.replace(
        arguments,
        before=before or arguments.before,
        dry_run=flags.dry_run,
        compacts=not flags.no_compact,
        by=operator(system_user()).actor,
    )


def tell(deleted: "Deleted", flags: argparse.Namespace, nothing: str = "nothing matches") -> None:
    """Print what was deleted, or would be; `nothing` where that is no row. The flags are `json`, `quiet`, `dry_run`."""
    if deleted.fault:
        print(f"prisme: the file is as large as before: {deleted.fault}", file=sys.stderr)
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(deleted)) + b"\n")
    elif flags.quiet:
        return
    elif deleted.is_nothing:
        print(nothing)
    else:
        print_counts(deleted, not flags.dry_run, sys.stdout)
        if deleted.compaction is not None:
            print(describe(deleted.compaction))


def print_counts(deleted: "Deleted", is_done: bool, file: TextIO) -> None:
    """Print the rows of each table that were deleted, or would be."""
    for table, count in deleted.rows.items():
        if table != "imported_figures" or count:
            print(f"{table:<21} {count:>14,} rows{' deleted' if is_done else ''}", file=file)
    if deleted.changed:
        part = f"{'lost' if is_done else 'lose'} a part of their events"
        print(f"{'other visits':<21} {deleted.changed:>14,} {part}", file=file)


def describe(compaction: "Compaction") -> str:
    """What a compaction did, as a line."""
    if compaction.is_done:
        return f"the file has {compaction.after / 1e6:,.1f} MB now, {compaction.before / 1e6:,.1f} MB before"
    gain = f"some {compaction.free / 1e6:,.1f} MB of it can be given back"
    return f"the file has {compaction.before / 1e6:,.1f} MB; {gain}"
