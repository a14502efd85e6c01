"""The words that pages show, in the language of the server: English, as there is no other yet.

All of them are in one table for translators, `assets/words.pot`, which `python -m tests.words` writes. Templates mark
theirs with `_` and `trans`, as Jinja's extension i18n reads them.
"""

import gettext
from typing import Final

TRANSLATIONS: Final = gettext.NullTranslations()


def translate(text: str, **values: object) -> str:
    """The text, with `values` in place of `{name}`."""
    found = TRANSLATIONS.gettext(text)
    return found.format(**values) if values else found


def mark(text: str) -> str:
    """The text itself: marks a constant for the table, which is translated where it is shown."""
    return text
