"""`prisme default-config`: prints a prisme.toml with every option at its default."""

import argparse
import textwrap
from collections.abc import Sequence
from itertools import groupby

import msgspec

from prisme.cli.parser import Parser
from prisme.runtime.option import Option
from prisme.runtime.options import OPTIONS

SUMMARY = "print a prisme.toml with all options and their defaults"

_ABOUT = """\
Print a prisme.toml with every option, its description and its default:
  prisme default-config > prisme.toml
"""
_INTRODUCTION = """\
## Prisme reads prisme.toml in the current folder, or the file given with
## `prisme serve --config FILE`. To set an option, remove the `# ` in front of it.
## An environment variable (PRISME_PORT) overrides the file, and a flag (--port)
## overrides both.
"""

_WIDTH = 98  # 100 with the `# ` before each line


def command(words: Sequence[str]) -> int:
    """Print the file."""
    make_parser().parse_args(words)
    print(default_config(), end="")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of `prisme default-config`."""
    return Parser("prisme default-config", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)


def default_config() -> str:
    """The file's text: each option as `# name = default`, with its description in lines that start with `##`."""
    parts = [_INTRODUCTION]
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        parts.append(f"\n## ---- {title} ----\n")
        parts += map(_entry, options)
    return "".join(parts)


def _entry(option: Option) -> str:
    lines = [
        line
        for words in (option.about, f"Value: {option.type.expected}.")
        for line in textwrap.wrap(words, 100, initial_indent="## ", subsequent_indent="## ", break_on_hyphens=False)
    ]
    return "\n".join(["", *lines, *(f"# {line}" for line in _assign(option)), ""])


def _assign(option: Option) -> list[str]:
    """`name = default` in TOML, where these strings, integers, booleans and lists are written as in JSON."""
    line = f"{option.name} = {_write(option.default)}"
    if len(line) <= _WIDTH:
        return [line]
    entries = ", ".join(map(_write, str(option.default).split(",")))
    rows = textwrap.wrap(entries, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return [f"{option.name} = [", *rows, "]"]


def _write(value: object) -> str:
    return msgspec.json.encode(value).decode()
