"""`prisme serve`: reads the configuration, reports all its errors at once, and runs the server."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from prisme.cli.parser import Parser
from prisme.runtime.config import Config, ConfigError, load
from prisme.runtime.option import flag, variable
from prisme.runtime.options import CONFIG, CONFIG_HELP, OPTIONS

SUMMARY = "run the server"

# Flags that people type.
_SHORT = {"port": "-p"}

_ABOUT = """\
Receive events and store them, until SIGTERM or Ctrl-C.

An option is set by its flag, else by its environment variable, else by its key
in prisme.toml (`prisme default-config` prints one), else it has its default.
"""


def command(words: Sequence[str]) -> int:
    """Serve. The exit code: 0 after a clean stop, 1 if the startup failed, 2 if the configuration is invalid."""
    try:
        config, notices = configure(words, os.environ, Path())
    except ConfigError as error:
        print(_format(error), file=sys.stderr)
        return 2
    # Imported late, as the server and the database take a while to import.
    from prisme.serve import run

    return run(config, notices, reread=lambda: configure(words, os.environ, Path()))


def configure(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> tuple[Config, list[str]]:
    """The configuration from flags, environment and the file in `folder`, and notices. Raises ConfigError."""
    from prisme.visit.origins import Origins

    return load(_read_flags(words), environ, folder, checks={"origins": Origins})


def make_parser() -> argparse.ArgumentParser:
    """A parser that leaves the values as texts: `load` parses them, and reports all errors together."""
    parser = Parser(
        "prisme serve",
        "prisme serve [--help] [--config FILE] [--OPTION VALUE ...]",
        _ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        flag(CONFIG), dest=flag(CONFIG), metavar="FILE", help=f"{CONFIG_HELP} Environment: {variable(CONFIG)}."
    )
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        group = parser.add_argument_group(title.lower())
        for option in options:
            also = f" Also {flag(option.alias)}." if option.alias else ""
            help_ = f"{option.about} Default: {option.short_default}. Environment: {variable(option.name)}.{also}"
            for name in option.names:
                group.add_argument(
                    *([_SHORT[name]] if name in _SHORT else []),
                    flag(name),
                    dest=flag(name),
                    metavar=option.type.metavar,
                    nargs="?" if option.type.const else None,
                    const=option.type.const,
                    help=help_.replace("%", "%%") if name == option.name else argparse.SUPPRESS,
                )
    return parser


def _read_flags(words: Sequence[str]) -> dict[str, str]:
    """The flags as written, including unknown ones, for which `load` suggests the closest option."""
    known, unknown = make_parser().parse_known_args(words)
    flags: dict[str, str] = vars(known)
    after_flag = False
    for word in unknown:
        name, _, value = word.partition("=")
        if word.startswith("-") or not after_flag:
            flags[name] = value
        after_flag = word.startswith("-")
    return flags


def _format(error: ConfigError) -> str:
    count = len(error.messages)
    return "\n".join(
        [
            f"prisme: {'1 error' if count == 1 else f'{count} errors'} in the configuration, nothing was started:",
            *(f"  {message}" for message in error.messages),
            *(f"note: {notice}" for notice in error.notices),
            "`prisme serve --help` lists all options.",
        ]
    )
