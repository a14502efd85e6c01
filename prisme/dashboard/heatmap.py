"""The heat map of pageviews by weekday and hour."""

import msgspec

from prisme.dashboard import color_scale
from prisme.dashboard.dates import WEEKDAYS
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.words import translate
from prisme.stats.frames import Frame


class Cell(msgspec.Struct, frozen=True):
    """The pageviews of one hour of one weekday; `level` is that of `color_scale`, `title` the tooltip."""

    title: str
    value: str
    level: int


def build_heatmap(pageviews: Frame) -> list[tuple[str, str, list[Cell]]]:
    """The short and the whole name of each weekday with its 24 cells, from the 168 values of `weekday-hours`."""
    highest = max(pageviews.values, default=0)
    return [
        (short, weekday, [_build_cell(weekday, hour, pageviews.values[day * 24 + hour], highest) for hour in range(24)])
        for day, (short, weekday) in enumerate(tuple(map(translate, names)) for names in WEEKDAYS)
    ]


def _build_cell(weekday: str, hour: int, value: float, highest: float) -> Cell:
    count = format_exact(value)
    clock = f"{hour:02d}:00"
    title = translate("{weekday} {time}, {count} pageviews", weekday=weekday, time=clock, count=count)
    return Cell(title, count, color_scale.level(value, highest))
