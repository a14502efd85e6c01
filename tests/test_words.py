"""All words of pages are in the table for translators, and none stands in a template unmarked."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from tests.words import FOLDER, TABLE, make_table

_PAGES: Final = FOLDER / "assets" / "pages"
_TRANS: Final = re.compile(r"\{%-? trans\b.*?%\}.*?\{%-? endtrans %\}", re.DOTALL)
_MARKED: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
# What people read in attributes.
_READ: Final = ("alt", "aria-label", "aria-roledescription", "data-label", "label", "placeholder", "title")
# Names, code, and signs with letters: the same in all languages.
_SAME: Final = re.compile(
    r"Prisme|DB-IP|CSV|JSON|IP|UTC|QR|www\.|[a-z]+\.[a-z]+(\.[a-z]+)*|/[a-z/*]+|^[a-z]$|\bdata-[a-z]+(=\"[^\"]*\")?"
)


class _Words(HTMLParser):
    """Collects the texts that people read: outside of code, styles and drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("code", "style", "script", "svg", "kbd"):
            self._silent.append(tag)
        self.found += [value for name, value in attrs if name in _READ and value]

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def find_unmarked(source: str) -> list[str]:
    """The texts of a template that a translator would not see."""
    words = _Words()
    words.feed(_MARKED.sub("", _TRANS.sub("", source)))
    words.close()
    return [text.strip() for text in words.found if re.search(r"[A-Za-z]", _SAME.sub("", text.strip()))]


@pytest.mark.parametrize("path", sorted(_PAGES.rglob("*.html")), ids=lambda path: str(path.relative_to(_PAGES)))
def test_templates_mark_their_words(path: Path) -> None:
    assert find_unmarked(path.read_text()) == []


def test_an_unmarked_word_is_found() -> None:
    source = '<p title="Why">{{ _("Marked") }} not marked <code>x</code>{% trans %}Marked{% endtrans %}</p>'
    assert find_unmarked(source) == ["Why", "not marked"]


def test_the_table_has_all_words() -> None:
    assert TABLE.read_text() == make_table(), "write it again: python -m tests.words"
