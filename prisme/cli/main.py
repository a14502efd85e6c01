"""The command `prisme`: it finds the command that was asked for, and does nothing else itself."""

import argparse
import sys
from collections.abc import Sequence

from prisme import __version__
from prisme.cli import access as people
from prisme.cli import default_config, demo, serve
from prisme.runtime.config import suggest

COMMANDS = {
    "serve": serve.command,
    "demo": demo.command,
    "user": people.user,
    "token": people.token,
    "share": people.share,
    "default-config": default_config.command,
}

_ABOUT = f"""\
Prisme counts the visits of your web sites: without cookies, without keeping
addresses, in one process and one folder.

commands:
  serve           {serve.SUMMARY}
  demo            {demo.SUMMARY}
  user            {people.USERS}
  token           {people.TOKENS}
  share           {people.SHARES}
  default-config  {default_config.SUMMARY}
"""
_FIRST_STEPS = """\
a first try, for pages on localhost, until Ctrl-C:
  prisme serve

for a site of your own:
  prisme serve --origins example.com,www.example.com --data-dir /var/lib/prisme

`prisme serve --help` tells all options. The documentation is the folder docs of
the source distribution; docs/configuration.md has the options at length.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is the words after `prisme`. The exit code: 0 fine, 1 failed start, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        return _answer(words)
    except SystemExit as stop:  # argparse leaves this way, after --help for one
        return stop.code if isinstance(stop.code, int) else 0


def _answer(words: list[str]) -> int:
    """Without a command: help, version, or what may have been meant."""
    parser = argparse.ArgumentParser(
        "prisme",
        "prisme [--help] [--version] COMMAND ...",
        _ABOUT,
        _FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"prisme {__version__}", help="print the version")
    _, unknown = parser.parse_known_args(words)
    if not unknown:
        parser.print_help()
        return 0
    word = unknown[0].partition("=")[0]
    known = {name: name.removeprefix("--").replace("-", "_") for name in (*COMMANDS, "--help", "--version")}
    near = suggest(word, known)
    if word.startswith("-"):
        fault = f"{word} is no flag of `prisme`{near or f'; the command comes first, as in `prisme serve {word}`'}"
    else:
        fault = f"{word} is no command{near}"
    print(f"prisme: {fault}\n`prisme --help` lists the commands.", file=sys.stderr)
    return 2
