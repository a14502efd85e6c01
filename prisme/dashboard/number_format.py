"""Numbers as pages show them: short, with a unit, and the change between two of them."""

from typing import Final

import msgspec

from prisme.dashboard.words import translate

_STEPS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
# A smaller relative change is shown as none, and so is a smaller one in percentage points.
_UNCHANGED_BELOW: Final = 0.0005
_POINTS_UNCHANGED_BELOW: Final = 0.05
MINUS: Final = "\N{MINUS SIGN}"
# In place of a rate or an average of nothing.
NOTHING: Final = "\N{EN DASH}"


def format_count(value: float) -> str:
    """`947`, `12.4k`, `1.2M`: three digits are enough to compare."""
    for size, letter in _STEPS:
        # 999,950 would be 1000.0k.
        if value >= size * 0.99995 and value >= 1000:
            short = value / size
            return f"{short:.1f}{letter}" if short < 100 else f"{short:.0f}{letter}"
    return f"{value:,.0f}"


def format_exact(value: float) -> str:
    """`12,431`."""
    return f"{value:,.0f}"


def format_ratio(value: float) -> str:
    """`2.41`."""
    return f"{value:,.2f}"


def format_percent(fraction: float) -> str:
    """`41%`, `0.4%`; `fraction` is 1 for 100%."""
    if 0 < fraction < 0.001:
        return "<0.1%"
    return f"{fraction * 100:.0f}%" if fraction >= 0.0995 or fraction == 0 else f"{fraction * 100:.1f}%"


def format_duration(seconds: float) -> str:
    """`48s`, `2m 05s`, `1h 12m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def format_round_duration(seconds: float) -> str:
    """A duration of an axis, without the parts that are zero: `30s`, `5m`, `1m 30s`, `2h`."""
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0"


class Change(msgspec.Struct, frozen=True):
    """The change of a figure. `sign` is plus, minus or `=`, empty for `new`; `rating` is `good`, `bad` or `same`.

    `text` is the size, such as `12%`; `words` are for screen readers.
    """

    sign: str
    text: str
    words: str
    rating: str


def describe_change(now: float, before: float, formatted_before: str, *, less_is_better: bool = False) -> Change:
    """The change from `before` to `now`."""
    if before == 0 and now == 0:
        return Change("=", "0%", translate("unchanged, {value} before", value=formatted_before), "same")
    if before == 0:
        words = translate("new, {value} before", value=formatted_before)
        # Nobody did worse than before: it is never bad.
        return Change("", translate("new"), words, "same" if less_is_better else "good")
    relative = now / before - 1
    if abs(relative) < _UNCHANGED_BELOW:
        return Change("=", "0%", translate("unchanged, {value} before", value=formatted_before), "same")
    rating = _rate(relative > 0, less_is_better)
    text = f"{abs(relative) * 100:.0f}%" if abs(relative) >= 0.0995 else f"{abs(relative) * 100:.1f}%"
    if relative > 0:
        return Change("+", text, translate("up {size} from {value}", size=text, value=formatted_before), rating)
    return Change(MINUS, text, translate("down {size} from {value}", size=text, value=formatted_before), rating)


def describe_points(now: float, before: float, formatted_before: str, *, less_is_better: bool = False) -> Change:
    """The change of a fraction, in percentage points: from 40% to 43% it is 3 points, and not 7.5%."""
    points = (now - before) * 100
    if abs(points) < _POINTS_UNCHANGED_BELOW:
        return Change(
            "=", translate("0 points"), translate("unchanged, {value} before", value=formatted_before), "same"
        )
    number = f"{abs(points):.0f}" if abs(points) >= 0.95 else f"{abs(points):.1f}"
    text = translate("1 point") if number == "1" else translate("{number} points", number=number)
    rating = _rate(points > 0, less_is_better)
    if points > 0:
        return Change("+", text, translate("up {size} from {value}", size=text, value=formatted_before), rating)
    return Change(MINUS, text, translate("down {size} from {value}", size=text, value=formatted_before), rating)


def _rate(is_more: bool, less_is_better: bool) -> str:
    return "good" if is_more != less_is_better else "bad"
