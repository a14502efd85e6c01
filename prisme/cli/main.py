"""The command line: runs the command that is named, or prints help."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from prisme import __version__
from prisme.runtime.config import suggest
from prisme.runtime.open_files import open_standard_streams


class Command(NamedTuple):
    """Names in a module of this package, which is imported once it is needed: a server needs no other command's.

    `summary` is a line for the help; `make_parser` makes the parser, and `run` takes the words after the command.
    """

    module: str
    run: str = "command"
    make_parser: str = "make_parser"
    summary: str = "SUMMARY"

    def get(self, name: str) -> Any:
        """What the module has by this name."""
        return getattr(importlib.import_module(f"{__package__}.{self.module}"), name)


COMMANDS: dict[str, Command] = {
    "serve": Command("serve"),
    "demo": Command("demo"),
    "status": Command("status"),
    "query": Command("query"),
    "delete": Command("delete"),
    "compact": Command("compact"),
    "rollups": Command("rollups"),
    "export": Command("export"),
    "import": Command("import_files"),
    "backup": Command("backup"),
    "restore": Command("restore"),
    "move": Command("move"),
    "site": Command("site", make_parser="make_site_parser"),
    "user": Command("access", "user", "make_user_parser", "USERS"),
    "token": Command("access", "token", "make_token_parser", "TOKENS"),
    "share": Command("access", "share", "make_share_parser", "SHARES"),
    "geoip": Command("geoip", make_parser="make_geoip_parser"),
    "default-config": Command("default_config"),
    "grafana-dashboard": Command("grafana_dashboard"),
    "completion": Command("completion"),
}

_ABOUT = """\
Prisme counts the visits to your web sites, without cookies and without storing
addresses with visits, in one process and one folder.

  prisme demo                                  look at it, with sample visits
  prisme serve                                 run it in this folder, until Ctrl-C
  prisme serve -p 80 --data-dir /var/lib/prisme
  prisme site add example.com                  count a site, at once
  prisme user add ada --role admin             create an account
  prisme share add example.com --expires 30d   show the figures to somebody
  prisme query "SELECT count(*) FROM sessions" ask in SQL
"""
_COMMANDS = """\
commands:
{}

`prisme COMMAND --help` describes a command, `prisme serve --help` all options. The
documentation is in the folder docs of the source distribution.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is the words after `prisme`. The exit code: 0 success, 1 failure, 2 wrong usage."""
    open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in COMMANDS:
            return _run(words[0], words[1:])
        return _run_without_command(words)
    except SystemExit as stop:  # by argparse, for example after --help
        return stop.code if isinstance(stop.code, int) else 0


def _run(name: str, words: list[str]) -> int:
    command = COMMANDS[name]
    run: Callable[..., int] = command.get(command.run)
    if name == "completion":
        return run(words, {name: one.get(one.make_parser) for name, one in COMMANDS.items()})
    return run(words)


def _run_without_command(words: list[str]) -> int:
    """Print the help or the version, or suggest the closest command."""
    summaries = "\n".join(f"  {name:17}  {one.get(one.summary)}" for name, one in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "prisme",
        "prisme [--help] [--version] COMMAND ...",
        _ABOUT,
        _COMMANDS.format(summaries),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"prisme {__version__}", help="print the version")
    _, unknown = parser.parse_known_args(words)
    if not unknown:
        parser.print_help()
        return 0
    word = unknown[0].partition("=")[0]
    names = ("--help", "--version") if word.startswith("-") else COMMANDS
    known = {name: name.removeprefix("--").replace("-", "_") for name in names}
    suggestion = suggest(word, known)
    if word.startswith("-"):
        hint = suggestion or f"; write the command first, as in `prisme serve {word}`"
        error = f"{word} is not a flag of `prisme`{hint}"
    else:
        error = f"{word} is not a command{suggestion}"
    print(f"prisme: {error}\n`prisme --help` lists the commands.", file=sys.stderr)
    return 2
