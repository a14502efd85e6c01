"""`prisme completion`: prints a script with which a shell completes commands, flags and values."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prisme.cli.parser import Parser

SUMMARY = "print a script that completes commands in bash, zsh or fish"

_ABOUT = """\
Print a script with which your shell completes the commands of Prisme, their flags
and the values of these. Load it in every new shell:
  echo 'source <(prisme completion bash)' >> ~/.bashrc
  echo 'source <(prisme completion zsh)' >> ~/.zshrc
  prisme completion fish > ~/.config/fish/completions/prisme.fish
"""
_BASH: Final = """\
_prisme() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=
  case "$COMP_CWORD ${COMP_WORDS[1]} $before" in
%(values)s
    1\\ *) words=%(commands)s ;;
    *) case "${COMP_WORDS[1]} ${COMP_WORDS[2]}" in
%(words)s
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _prisme prisme
"""
_ZSH: Final = """\
autoload -U +X compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
"""


class _Level(NamedTuple):
    """A command, or a command of a command: the words that may follow it, and the values of its flags."""

    path: str
    words: list[str]
    values: dict[str, list[str]]


def command(words: Sequence[str], parsers: Mapping[str, Callable[[], argparse.ArgumentParser]]) -> int:
    """Print the script. `parsers` are those of all commands."""
    shell = make_parser().parse_args(words).shell
    levels = [level for name, make in parsers.items() for level in _walk(name, make())]
    print({"bash": _write_bash, "zsh": _write_zsh, "fish": _write_fish}[shell](list(parsers), levels), end="")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of `prisme completion`."""
    parser = Parser("prisme completion", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])
    return parser


def _walk(path: str, parser: argparse.ArgumentParser) -> Iterator[_Level]:
    """The level of a parser, after those below it."""
    words: list[str] = []
    values: dict[str, list[str]] = {}
    for action in parser._actions:  # argparse has no other way
        if isinstance(action, argparse._SubParsersAction):
            words += action.choices
            for name, below in action.choices.items():
                yield from _walk(f"{path} {name}", below)
        elif action.help != argparse.SUPPRESS:
            words += action.option_strings
            choices = _choices(action)
            values |= dict.fromkeys(action.option_strings, choices) if choices else {}
            words += [] if action.option_strings else choices
    yield _Level(path, words, values)


def _choices(action: argparse.Action) -> list[str]:
    """The values of a flag, where there are few: `argparse` knows them, or its `metavar` names them all."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    return action.metavar.split("|") if isinstance(action.metavar, str) and "|" in action.metavar else []


def _write_bash(commands: Sequence[str], levels: Sequence[_Level]) -> str:
    values = [
        f"    *\\ {level.path.split()[0]}\\ {flag}) words={shlex.quote(' '.join(choices))} ;;"
        for level in levels
        for flag, choices in level.values.items()
    ]
    words = [f"      {_path_pattern(level.path)}) words={shlex.quote(' '.join(level.words))} ;;" for level in levels]
    return _BASH % {
        "values": "\n".join(dict.fromkeys(values)),
        "commands": shlex.quote(" ".join(commands)),
        "words": "\n".join(words),
    }


def _path_pattern(path: str) -> str:
    """The shell's pattern of the first two words, of which the second may be anything after a command alone."""
    # Names of commands and flags have no character that a pattern would read.
    return path.replace(" ", "\\ ") if " " in path else f"{path}\\ *"


def _write_zsh(commands: Sequence[str], levels: Sequence[_Level]) -> str:
    return _ZSH + _write_bash(commands, levels)


def _write_fish(commands: Sequence[str], levels: Sequence[_Level]) -> str:
    lines = [f"complete -c prisme -n __fish_use_subcommand -f -a {shlex.quote(' '.join(commands))}"]
    for path, words, values in levels:
        seen = " and ".join(f"__fish_seen_subcommand_from {word}" for word in path.split()).replace(" and ", "; and ")
        plain = [word for word in words if not word.startswith("-")]
        lines += [f"complete -c prisme -n {shlex.quote(seen)} -f -a {shlex.quote(' '.join(plain))}"] if plain else []
        lines += [_write_flag(seen, flag, values.get(flag, [])) for flag in words if flag.startswith("-")]
    return "\n".join(lines) + "\n"


def _write_flag(seen: str, flag: str, values: list[str]) -> str:
    kind = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
    ends = f" -x -a {shlex.quote(' '.join(values))}" if values else ""
    return f"complete -c prisme -n {shlex.quote(seen)} {kind}{ends}"
