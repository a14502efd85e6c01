"""The shape of the code: short files, short functions, and files that are named after what is in them."""

import ast
from collections.abc import Iterator
from statistics import median

from tests.checkout import ROOT

FILES = {
    path.relative_to(ROOT): path.read_text()
    for folder in ("prisme", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
}
PRISME = {path: text for path, text in FILES.items() if path.parts[0] == "prisme" and text}
MOST_LINES = 400
# Names that fit anything.
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def count_lines(text: str) -> int:
    """The lines of a file."""
    return len(text.splitlines())


def functions(text: str) -> Iterator[int]:
    """The lines of each function, from `def` to its last line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.end_lineno - node.lineno + 1


def test_no_file_is_long() -> None:
    assert {path: count_lines(text) for path, text in FILES.items() if count_lines(text) > MOST_LINES} == {}


def test_files_are_short() -> None:
    assert median(map(count_lines, PRISME.values())) < 100


def test_functions_are_short() -> None:
    assert median(lines for text in PRISME.values() for lines in functions(text)) <= 7


def test_files_have_names() -> None:
    assert [path for path in FILES if VAGUE & {path.stem, *path.parent.parts}] == []


def test_files_say_what_they_are_for() -> None:
    assert [path for path, text in PRISME.items() if ast.get_docstring(ast.parse(text)) is None] == []
