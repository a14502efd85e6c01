"""Numbers as people read them: short, with their unit, and what changed, in words and with a sign."""

from typing import Final

import msgspec

_STEPS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
# Below this, it is said that nothing changed.
_SAME: Final = 0.0005


def count(value: float) -> str:
    """`947`, `12.4k`, `1.2M`: three digits are enough to compare."""
    for size, letter in _STEPS:
        # 999,950 would be 1000.0k.
        if value >= size * 0.99995 and value >= 1000:
            short = value / size
            return f"{short:.1f}{letter}" if short < 100 else f"{short:.0f}{letter}"
    return f"{value:,.0f}"


def exact(value: float) -> str:
    """`12,431`."""
    return f"{value:,.0f}"


def ratio(value: float) -> str:
    """`2.41`."""
    return f"{value:,.2f}"


def percent(value: float) -> str:
    """`41%`, `0.4%`; the value is a share of 1."""
    if 0 < value < 0.001:
        return "<0.1%"
    return f"{value * 100:.0f}%" if value >= 0.0995 or value == 0 else f"{value * 100:.1f}%"


def duration(seconds: float) -> str:
    """`48s`, `2m 05s`, `1h 12m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


class Change(msgspec.Struct, frozen=True):
    """`sign` is a plus, a minus or `=`; `kind` is `good`, `bad` or `same`."""

    sign: str
    text: str
    words: str
    kind: str


def change(now: float, before: float, shown_before: str, *, less_is_better: bool = False) -> Change:
    """From one figure to another."""
    if before == 0 and now == 0:
        return Change("=", "0%", f"unchanged, {shown_before} before", "same")
    if before == 0:
        return Change("+", "new", f"up from {shown_before}", "bad" if less_is_better else "good")
    by = now / before - 1
    if abs(by) < _SAME:
        return Change("=", "0%", f"unchanged, {shown_before} before", "same")
    kind = "good" if (by > 0) != less_is_better else "bad"
    text = f"{abs(by) * 100:.0f}%" if abs(by) >= 0.0995 else f"{abs(by) * 100:.1f}%"
    if by > 0:
        return Change("+", text, f"up {text} from {shown_before}", kind)
    return Change("\N{MINUS SIGN}", text, f"down {text} from {shown_before}", kind)
