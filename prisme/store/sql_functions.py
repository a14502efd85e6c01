"""The functions and types that a user's SQL may name: those that compute, and reach nothing else."""

import importlib.resources

_FILE = "sql_functions.txt"


def _read() -> dict[str, frozenset[str]]:
    """The sections of the file, each with its names in lower case; `#` begins a comment."""
    sections: dict[str, set[str]] = {}
    names: set[str] = set()
    for line in importlib.resources.files("prisme.store").joinpath(_FILE).read_text().splitlines():
        if line.startswith("["):
            names = sections.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            names.update(line.split())
    return {title: frozenset(of) for title, of in sections.items()}


_SECTIONS = _read()
_OTHERS = frozenset({"tables", "types", "keywords"})
FUNCTIONS = frozenset().union(*(names for title, names in _SECTIONS.items() if title not in _OTHERS))
TABLE_FUNCTIONS = _SECTIONS["tables"]
TYPES = _SECTIONS["types"]
KEYWORDS = _SECTIONS["keywords"]
