"""Dates for people: in the order of the language, with names of months and weekdays from the table of words."""

from datetime import UTC, datetime

import pytest

from prisme.dashboard import dates, words

MOMENT = datetime(2026, 5, 3, 8, 5, tzinfo=UTC)


class _Dutch:
    """Words of another language."""

    def gettext(self, text: str) -> str:
        return {"May": "mei", "Sun": "zo", "{day} {month} {year}": "{day}-{month}-{year}"}.get(text, text)


def test_dates_are_written_in_words() -> None:
    written = [
        dates.format_date(MOMENT), dates.format_day(MOMENT), dates.format_weekday(MOMENT), dates.format_month(MOMENT),
        dates.format_clock(MOMENT), dates.format_moment(MOMENT), dates.format_day_and_clock(MOMENT),
    ]  # fmt: skip
    assert written == [
        "3 May 2026", "3 May", "Sun 3 May", "May 2026", "08:05", "3 May 2026, 08:05", "3 May, 08:05",
    ]  # fmt: skip


def test_names_and_their_order_are_those_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "TRANSLATIONS", _Dutch())
    assert (dates.format_date(MOMENT), dates.format_weekday(MOMENT)) == ("3-mei-2026", "zo 3 mei")
