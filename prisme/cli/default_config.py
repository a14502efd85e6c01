"""`prisme default-config`: a prisme.toml with every option at its default, to begin with. It changes no file."""

import argparse
import textwrap
from collections.abc import Sequence
from itertools import groupby

import msgspec

from prisme.runtime.options import OPTIONS, Option

SUMMARY = "print a prisme.toml with all options and their defaults"

_ABOUT = """\
Print a prisme.toml with every option, what it means and its default:
  prisme default-config > prisme.toml
"""
_INTRODUCTION = """\
## Prisme reads this file as prisme.toml in the folder that it is started in, or
## where `prisme serve --config FILE` says. To set an option, remove the `# ` before
## it. A variable of the environment (PRISME_PORT) wins over the file, and a flag
## (--port) over both.
"""

_WIDTH = 98  # with what stands before each line, 100


def command(words: Sequence[str]) -> int:
    """Print the file."""
    parser = argparse.ArgumentParser(
        "prisme default-config", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(words)
    print(default_config(), end="")
    return 0


def default_config() -> str:
    """The file's text: each option as `# name = default`, and what explains it behind two `#`."""
    parts = [_INTRODUCTION]
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        parts.append(f"\n## ---- {title} ----\n")
        parts += map(_entry, options)
    return "".join(parts)


def _entry(option: Option) -> str:
    lines = [
        line
        for words in (option.help, f"Value: {option.kind.form}.")
        for line in textwrap.wrap(words, 100, initial_indent="## ", subsequent_indent="## ", break_on_hyphens=False)
    ]
    return "\n".join(["", *lines, *(f"# {line}" for line in _assign(option)), ""])


def _assign(option: Option) -> list[str]:
    """`name = default` in TOML, which writes these texts, whole numbers, booleans and lists as JSON does."""
    line = f"{option.name} = {_write(option.default)}"
    if len(line) <= _WIDTH:
        return [line]
    entries = ", ".join(map(_write, str(option.default).split(",")))
    rows = textwrap.wrap(entries, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return [f"{option.name} = [", *rows, "]"]


def _write(value: object) -> str:
    return msgspec.json.encode(value).decode()
