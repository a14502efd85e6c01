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
    # TOML writes these texts, whole numbers and booleans as JSON does.
    return "\n".join(["", *lines, f"# {option.name} = {msgspec.json.encode(option.default).decode()}", ""])
