"""The type of an option: how a value that an operator wrote is parsed, and what the error says if it is invalid.

The types themselves are in number_types.py, network_types.py and text_types.py. Nothing here knows any option.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class InvalidValueError(ValueError):
    """The value is not what the type expects; `OptionType.parse` adds the explanation."""


class OptionType(NamedTuple):
    """`metavar` stands for the value in a command's help; `expected` completes both "is not ..." and "write ..."."""

    metavar: str
    expected: str
    parse_value: Callable[[Any], Any]  # raises InvalidValueError, or a ValueError with a message of its own
    toml_types: tuple[type, ...] = ()  # the types that a TOML value may have besides a string
    const: str | None = None  # the value of a flag without a value, as in argparse

    def parse(self, raw: object) -> Any:
        """The value of `raw`, or a function that computes it from the Machine. Raises ValueError if it is invalid."""
        try:
            if isinstance(raw, str):
                return self.parse_value(raw.strip())
            if type(raw) in self.toml_types:
                return self.parse_value(raw)
        except InvalidValueError:
            pass
        if raw == "":
            raise ValueError(f"the value is missing: write {self.expected}")
        raise ValueError(f"{_quote(raw)} is not {self.expected}")


def split_list(raw: str | list[object]) -> list[str]:
    """The entries of a comma-separated text, or of a TOML list, whose entries may contain commas."""
    entries: Sequence[object] = raw.split(",") if isinstance(raw, str) else raw
    texts = [entry.strip() for entry in entries if isinstance(entry, str)]
    if len(texts) < len(entries):
        raise InvalidValueError
    return texts


def quote_all(texts: Sequence[str]) -> str:
    """The texts for a message: each in quotes, separated by commas."""
    return ", ".join(map(repr, texts))


def _quote(raw: object) -> str:
    """`raw` close to how the operator wrote it."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, bool):
        return str(raw).lower()
    return repr(raw) if isinstance(raw, str | list) else str(raw)
