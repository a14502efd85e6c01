"""`python -m tests.words`: writes the table of all words that pages show, for translators. See `dashboard/words.py`."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

import prisme

FOLDER: Final = Path(prisme.__file__).parent
TABLE: Final = FOLDER / "assets" / "words.pot"
_KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "_": None, "gettext": None, "ngettext": (1, 2), "translate": None, "mark": None, "mark_count": (1, 2),
    # What people sent, and what is said of it.
    "InputError": None, "AccessError": None, "NotFoundError": None, "OriginError": None,
    "Words": None, "with_reason": None, "Refusal": (3,),
}  # fmt: skip
# Commands, what they ask the server for, and the API speak to programs as well, which compare texts.
_METHODS: Final = [
    ("cli/**.py", "ignore"),
    ("imports/**.py", "ignore"),
    ("operations/**.py", "ignore"),
    ("store/backup.py", "ignore"),
    ("store/foreign.py", "ignore"),
    ("store/restoration.py", "ignore"),
    ("web/api/**.py", "ignore"),
    ("web/figure_answers.py", "ignore"),
    ("**.py", "python"),
    ("**/pages/**.html", "jinja2"),
]
_OPTIONS: Final = {"**/pages/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
_HEADER: Final = "# The words of Prisme's pages. A translation is a copy of this file with the texts filled in."


def make_table() -> str:
    """The table of this checkout, in the format of GNU gettext."""
    catalog = Catalog(project="Prisme", header_comment=_HEADER, charset="utf-8")
    for path, texts, comments in _extract():
        catalog.add(texts, None, [(path, 0)], auto_comments=comments)
    written = io.BytesIO()
    write_po(written, catalog, width=120, include_lineno=False, omit_header=True, sort_output=True)
    return f"{_HEADER}\n\n{written.getvalue().decode()}"


def _extract() -> Iterator[tuple[str, str | tuple[str, ...], list[str]]]:
    found = extract_from_dir(FOLDER, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for path, _, texts, comments, _ in found:
        yield path, texts, comments


if __name__ == "__main__":
    TABLE.write_text(make_table())
    print(f"{TABLE.name}: {make_table().count('msgid'):,} texts")
