"""All words of pages are in the table for translators, and none stands in a template unmarked."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import jinja2
import pytest
from jinja2 import nodes

from prisme.base.errors import InputError, Words
from prisme.base.refusal import Refusal
from prisme.dashboard import words
from prisme.dashboard.filter_chips import TITLES
from prisme.dashboard.filter_terms import OPERATORS
from prisme.dashboard.list_types import LIST_TYPES, PANEL_TYPES
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.words import explain, explain_refusal, mark_count, translate, translate_count
from prisme.web.pages.settings_frame import _TABS as SETTINGS
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
# A word within an expression, unlike names of fields and of files, paths, and code.
_WORD: Final = re.compile(r"[A-Z][a-z]|[A-Za-z]+ [A-Za-z]+")


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


class _Table:
    """Words of another language."""

    def __init__(self, table: dict[str, str]) -> None:
        self._table = table

    def gettext(self, text: str) -> str:
        return self._table.get(text, text)


def find_unmarked(source: str) -> list[str]:
    """The texts of a template that a translator would not see."""
    words = _Words()
    words.feed(_MARKED.sub("", _TRANS.sub("", source)))
    words.close()
    return [text.strip() for text in words.found if re.search(r"[A-Za-z]", _SAME.sub("", text.strip()))]


def find_unmarked_constants(source: str) -> list[str]:
    """The texts within the expressions of a template that a translator would not see."""
    tree = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    return [text for text in _list_constants(tree) if _WORD.search(_SAME.sub("", text)) and "<" not in text]


def _list_constants(node: nodes.Node) -> Iterator[str]:
    """The texts that may be shown: not those that something is compared with, or that are marked."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Const) and isinstance(child.value, str):
            yield child.value
        elif not isinstance(child, nodes.Operand) and not _is_marked(child):
            yield from _list_constants(child)


def _is_marked(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name in ("_", "gettext", "ngettext")
    )


@pytest.mark.parametrize("path", sorted(_PAGES.rglob("*.html")), ids=lambda path: str(path.relative_to(_PAGES)))
def test_templates_mark_their_words(path: Path) -> None:
    assert find_unmarked(path.read_text()) == []
    assert find_unmarked_constants(path.read_text()) == []


def test_an_unmarked_word_is_found() -> None:
    source = '<p title="Why">{{ _("Marked") }} not marked <code>x</code>{% trans %}Marked{% endtrans %}</p>'
    assert find_unmarked(source) == ["Why", "not marked"]


def test_an_unmarked_word_within_an_expression_is_found() -> None:
    source = """{{ _("Marked") if x == "Compared" else "Not marked" }}{{ call("name", "all rows", _("Marked")) }}
    {% for one in ("Up", x) %}{% trans y=x %}Marked {{ y }}{% endtrans %}{% endfor %}"""
    assert find_unmarked_constants(source) == ["Not marked", "all rows", "Up"]


def test_the_table_has_all_words() -> None:
    assert TABLE.read_text() == make_table(), "write it again: python -m tests.words"


def test_the_table_has_the_titles_that_pages_take_from_python() -> None:
    lists = [text for one in LIST_TYPES.values() for text in (one.title, one.unit)]
    others = (PANEL_TYPES, METRICS, PERIODS, SETTINGS)
    titles = {*lists, *(one.title for table in others for one in table.values()), *TITLES.values(), *OPERATORS.values()}
    table = TABLE.read_text()
    assert [title for title in titles if f'msgid "{title}"' not in table] == []


def test_no_text_of_python_is_made_before_it_is_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A text with values in it would not be found in the table: Babel names those that it leaves out."""
    make_table()
    assert capsys.readouterr().err == ""


def test_pages_say_session_and_not_visit() -> None:
    """One word for one thing: that of the glossary."""
    texts = re.findall(r'"(.*)"', TABLE.read_text())
    assert [text for text in texts if re.search(r"\bvisits?\b", text, re.IGNORECASE)] == []


def test_pages_take_no_names_of_dates_from_the_system() -> None:
    named = re.compile(r"%-?[aAbBcxXp]\b|strftime")
    sources = [path for part in ("dashboard", "web/pages") for path in (FOLDER / part).rglob("*.py")]
    assert [path.name for path in sources if named.search(path.read_text())] == []


def test_what_is_wrong_is_told_in_the_language_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        "{site} has no {what} {id}": "{what} {id} fehlt bei {site}",
        "goal": "Ziel",
        "{name}: {why}": "{name}: {why}",
        "{text!r} is no time": "{text!r} ist keine Zeit",
        "log in first": "bitte anmelden",
    }
    monkeypatch.setattr(words, "TRANSLATIONS", _Table(table))
    absent = InputError("{site} has no {what} {id}", site="a.test", what=Words("goal"), id=3)
    wrong = InputError("{name}: {why}", name="from", why=InputError("{text!r} is no time", text="{x}"))
    assert (str(absent), explain(absent)) == ("a.test has no goal 3", "Ziel 3 fehlt bei a.test")
    assert (str(wrong), explain(wrong)) == ("from: '{x}' is no time", "from: '{x}' ist keine Zeit")
    assert explain_refusal(Refusal("not_logged_in", 401, "log in first")) == "bitte anmelden"


def test_texts_take_values_as_they_are() -> None:
    assert translate("{name} of {text}", name="{x}", text="%s") == "{x} of %s"
    assert (translate("100% {"), translate("")) == ("100% {", "")
    rows = mark_count("{count} row", "{count} rows")
    assert [translate_count(rows, count) for count in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
