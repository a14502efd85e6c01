"""The format of tables of words: lines `name: words` in `[sections]`; lines that start with `#` are comments."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A line of a table: its section, its name, and the words behind the name."""

    section: str
    name: str
    words: tuple[str, ...]


def read_entries(text: str) -> list[Entry]:
    """All entries of a table, in order. Raises ValueError for a line that is no entry."""
    section, entries = "", []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line[1:].removesuffix("]")
            continue
        name, colon, words = line.partition(": ")
        if not (section and colon):
            raise ValueError(f"{line!r} is no line such as `name: words` below a `[section]`")
        entries.append(Entry(section, name, tuple(words.split())))
    return entries
