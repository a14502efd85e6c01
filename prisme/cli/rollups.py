"""`prisme rollups`: what is counted ahead for figures of long spans, whether it is right, and all of it anew."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from prisme.cli.operate import Operator, add_folder, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.operations.rollups import Checked, Rollups
    from prisme.runtime.config import Config

SUMMARY = "show, check or rebuild the counts that figures of long spans are made of"

_ABOUT: Final = """\
Rollups are counts of whole days, from which figures of long spans are made. A server
makes them by itself, and drops those of days that change; nothing is lost with them.
  prisme rollups            show which days are counted, and which are not yet
  prisme rollups check      count all days again, and compare; the exit code is 1 if
                            any count is wrong
  prisme rollups rebuild    drop all, and make them again; after Ctrl-C, a server does
                            the rest
"""
_REASONS: Final = {
    "due": "made next",
    "recent": "waits until no event has come for them, or before them, for 15 minutes",
    "few": "few pageviews: made when their month is over",
}


def command(words: Sequence[str]) -> int:
    """`prisme rollups`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme rollups", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=["list", "check", "rebuild"], default="list")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> int:
    from prisme.operations.rollups import Arguments, Checked, Rollups

    operator = Operator(config, not flags.quiet)
    if flags.action == "check":
        checked = operator.run("check-rollups", Arguments(), Checked)
        _print(flags, checked, _describe_check(checked))
        return 0 if checked.is_right else 1
    name = "rollups" if flags.action == "list" else "rebuild-rollups"
    found = operator.run(name, Arguments(), Rollups)
    _print(flags, found, _describe(found))
    return 0


def _print(flags: argparse.Namespace, result: object, lines: list[str]) -> None:
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    elif not flags.quiet:
        print("\n".join(lines))


def _describe(found: "Rollups") -> list[str]:
    if found.first is None:
        lines = ["no days are counted yet"]
    else:
        lines = [
            f"{_number(found.days, 'day')} counted, from {found.first} to {found.last}",
            f"{_number(found.units, 'rollup')}, and {found.months} of whole months",
            f"{found.bytes / 1e6:,.1f} MB of the file at most",
        ]
    lines += [f"not counted: {_write_days(one.first, one.last)}: {_REASONS[one.reason]}" for one in found.missing]
    if not found.is_current:
        lines.append("another version of Prisme made them: a server makes them again")
    elif not found.knows_visitors:
        lines.append("not used until it is known which visitors come back, which a server finds out by itself")
    return lines


def _describe_check(checked: "Checked") -> list[str]:
    if not checked.is_used:
        return ["nothing to check: no figures are made of rollups now; `prisme rollups` says why"]
    lines = [f"{_write_days(one.first, one.last)}: wrong counts in {', '.join(one.tables)}" for one in checked.wrong]
    if checked.unknown:
        lines.append(f"{_number(checked.unknown, 'visitor')} came back, which is not known of them")
    if checked.orphans:
        lines.append(f"rows of no rollup in {', '.join(checked.orphans)}")
    if checked.changed:
        lines.append(f"{_number(checked.changed, 'rollup')} changed meanwhile, and were not compared")
    if checked.is_right:
        return [*lines, f"{_number(checked.units, 'rollup')} equal what the rows say"]
    return [*lines, "`prisme rollups rebuild` makes all of them again; please report it, as it is a fault of Prisme"]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _write_days(first: object, last: object) -> str:
    return str(first) if first == last else f"{first} to {last}"
