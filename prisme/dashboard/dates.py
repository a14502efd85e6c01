"""Dates and times for people: the names of months and weekdays are words like others, in the language of the server."""

from datetime import datetime
from typing import Final

from prisme.dashboard.words import mark, translate

# Short, then whole; the week begins on Monday.
WEEKDAYS: Final = (
    (mark("Mon"), mark("Monday")), (mark("Tue"), mark("Tuesday")), (mark("Wed"), mark("Wednesday")),
    (mark("Thu"), mark("Thursday")), (mark("Fri"), mark("Friday")), (mark("Sat"), mark("Saturday")),
    (mark("Sun"), mark("Sunday")),
)  # fmt: skip
_MONTHS: Final = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"), mark("Jul"), mark("Aug"),
    mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip


def format_date(moment: datetime) -> str:
    """`24 Nov 2026`."""
    return translate("{day} {month} {year}", day=moment.day, month=_name_month(moment), year=moment.year)


def format_day(moment: datetime) -> str:
    """`24 Nov`."""
    return translate("{day} {month}", day=moment.day, month=_name_month(moment))


def format_weekday(moment: datetime) -> str:
    """`Tue 24 Nov`."""
    weekday = translate(WEEKDAYS[moment.weekday()][0])
    return translate("{weekday} {day} {month}", weekday=weekday, day=moment.day, month=_name_month(moment))


def format_month(moment: datetime) -> str:
    """`Nov 2026`."""
    return translate("{month} {year}", month=_name_month(moment), year=moment.year)


def format_clock(moment: datetime) -> str:
    """`13:05`."""
    return f"{moment:%H:%M}"


def format_moment(moment: datetime) -> str:
    """`24 Nov 2026, 13:05`."""
    return translate("{date}, {time}", date=format_date(moment), time=format_clock(moment))


def format_day_and_clock(moment: datetime) -> str:
    """`24 Nov, 13:05`."""
    return translate("{date}, {time}", date=format_day(moment), time=format_clock(moment))


def _name_month(moment: datetime) -> str:
    """`Nov`."""
    return translate(_MONTHS[moment.month - 1])
