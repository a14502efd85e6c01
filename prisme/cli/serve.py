"""`prisme serve`: reads the configuration, tells every mistake at once, and hands over to the wiring."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from prisme.cli.parser import Parser
from prisme.runtime.config import Config, Mistakes, load
from prisme.runtime.options import CONFIG, CONFIG_HELP, OPTIONS, flag, variable

SUMMARY = "run the server: receive what pages send, and store it"

_ABOUT = """\
Receive what pages send, and store it, until SIGTERM or Ctrl-C.

An option is set by its flag, else by its variable of the environment, else by
its key in prisme.toml (`prisme default-config` prints one), else it has its default.
"""


def command(words: Sequence[str]) -> int:
    """Serve. The exit code: 0 after a clean stop, 1 where the start failed, 2 where the configuration is wrong."""
    try:
        config, notices = configure(words, os.environ, Path())
    except Mistakes as mistakes:
        print(_tell(mistakes), file=sys.stderr)
        return 2
    # The server and the database take a while to import: other commands, and mistakes, need not wait for them.
    from prisme.serve import run

    return run(config, notices)


def configure(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> tuple[Config, list[str]]:
    """The configuration from flags, environment and the file in `folder`, with notices; Mistakes where there is any."""
    from prisme.visit.origins import Origins

    return load(_read_flags(words), environ, folder, checks={"origins": Origins})


def _parser() -> argparse.ArgumentParser:
    """A parser of texts: what they are worth is the table's to say, so that all mistakes come together."""
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
            help_ = f"{option.help} Default: {option.short_default}. Environment: {variable(option.name)}.{also}"
            for name in option.names:
                group.add_argument(
                    flag(name),
                    dest=flag(name),
                    metavar=option.kind.shape,
                    nargs="?" if option.kind.bare else None,
                    const=option.kind.bare,
                    help=help_.replace("%", "%%") if name == option.name else argparse.SUPPRESS,
                )
    return parser


def _read_flags(words: Sequence[str]) -> dict[str, str]:
    """The flags as written, unknown ones too: the table tells what is near."""
    known, unknown = _parser().parse_known_args(words)
    flags: dict[str, str] = vars(known)
    after_flag = False
    for word in unknown:
        name, _, value = word.partition("=")
        if word.startswith("-") or not after_flag:
            flags[name] = value
        after_flag = word.startswith("-")
    return flags


def _tell(mistakes: Mistakes) -> str:
    """The mistakes, for a person."""
    count = len(mistakes.messages)
    return "\n".join(
        [
            f"prisme: {'a mistake' if count == 1 else f'{count} mistakes'} in the configuration, nothing was started:",
            *(f"  {message}" for message in mistakes.messages),
            *(f"note: {notice}" for notice in mistakes.notices),
            "`prisme serve --help` tells all options.",
        ]
    )
