"""The words that pages show, in the language of the server: English, as there is no other yet.

All of them are in one table for translators, `assets/words.pot`, which `python -m tests.words` writes. Templates mark
theirs with `_` and `trans`, as Jinja's extension i18n reads them.
"""

import gettext
from typing import Final

from prisme.base.errors import InputError, Words
from prisme.base.refusal import Refusal

TRANSLATIONS: Final = gettext.NullTranslations()


def translate(text: str, /, **values: object) -> str:
    """The text, with `values` in place of `{name}`."""
    # In tables of gettext, the empty text has the head of the table.
    found = TRANSLATIONS.gettext(text) if text else ""
    return found.format(**values) if values else found


def translate_count(texts: tuple[str, str], count: int) -> str:
    """The text for this number of things, with the number in place of `{count}`; `texts` are for one and for others."""
    return TRANSLATIONS.ngettext(*texts, count).format(count=f"{count:,}")


def explain(error: InputError) -> str:
    """The message of an error, for the person who caused it."""
    return translate(error.text, **{name: _explain_value(value) for name, value in error.values.items()})


def _explain_value(value: object) -> object:
    if isinstance(value, InputError):
        return explain(value)
    return translate(value) if isinstance(value, Words) else value


def explain_refusal(why: Refusal) -> str:
    """The reason of a refusal, for a person; one that quotes what they sent is in their language already."""
    return translate(why.reason)


def mark(text: str) -> str:
    """The text itself: marks a constant for the table, which is translated where it is shown."""
    return text


def mark_count(one: str, others: str) -> tuple[str, str]:
    """The texts themselves, for `translate_count`: languages have one or several for other numbers than one."""
    return one, others
