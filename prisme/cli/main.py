"""The command line: runs the command that is named, or prints help."""

import argparse
import sys
from collections.abc import Callable, Sequence

from prisme import __version__
from prisme.cli import (
    access,
    backup,
    compact,
    completion,
    default_config,
    delete,
    demo,
    export,
    geoip,
    import_files,
    query,
    restore,
    serve,
    site,
    status,
)
from prisme.runtime.config import suggest
from prisme.runtime.open_files import open_standard_streams

PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "serve": serve.make_parser,
    "demo": demo.make_parser,
    "status": status.make_parser,
    "query": query.make_parser,
    "delete": delete.make_parser,
    "compact": compact.make_parser,
    "export": export.make_parser,
    "import": import_files.make_parser,
    "backup": backup.make_parser,
    "restore": restore.make_parser,
    "site": site.make_site_parser,
    "user": access.make_user_parser,
    "token": access.make_token_parser,
    "share": access.make_share_parser,
    "geoip": geoip.make_geoip_parser,
    "default-config": default_config.make_parser,
    "completion": completion.make_parser,
}
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": serve.command,
    "demo": demo.command,
    "status": status.command,
    "query": query.command,
    "delete": delete.command,
    "compact": compact.command,
    "export": export.command,
    "import": import_files.command,
    "backup": backup.command,
    "restore": restore.command,
    "site": site.command,
    "user": access.user,
    "token": access.token,
    "share": access.share,
    "geoip": geoip.command,
    "default-config": default_config.command,
    "completion": lambda words: completion.command(words, PARSERS),
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
_COMMANDS = f"""\
commands:
  serve           {serve.SUMMARY}
  demo            {demo.SUMMARY}
  status          {status.SUMMARY}
  query           {query.SUMMARY}
  delete          {delete.SUMMARY}
  compact         {compact.SUMMARY}
  export          {export.SUMMARY}
  import          {import_files.SUMMARY}
  backup          {backup.SUMMARY}
  restore         {restore.SUMMARY}
  site            {site.SUMMARY}
  user            {access.USERS}
  token           {access.TOKENS}
  share           {access.SHARES}
  geoip           {geoip.SUMMARY}
  default-config  {default_config.SUMMARY}
  completion      {completion.SUMMARY}

`prisme COMMAND --help` describes a command, `prisme serve --help` all options. The
documentation is in the folder docs of the source distribution.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is the words after `prisme`. The exit code: 0 success, 1 failure, 2 wrong usage."""
    open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        return _run_without_command(words)
    except SystemExit as stop:  # by argparse, for example after --help
        return stop.code if isinstance(stop.code, int) else 0


def _run_without_command(words: list[str]) -> int:
    """Print the help or the version, or suggest the closest command."""
    parser = argparse.ArgumentParser(
        "prisme",
        "prisme [--help] [--version] COMMAND ...",
        _ABOUT,
        _COMMANDS,
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
