"""Which rows reach goals, what is counted of them, and how far visits come in funnels, in plain Python."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from prisme.base.goals import PAGE, Goal

# Patterns on paths and on names of events, with what they match.
PATHS: dict[str, Callable[[str], bool]] = {
    "/": lambda path: path == "/",
    "/a*": lambda path: path.startswith("/a"),
    "/a,/blog/*": lambda path: path == "/a" or path.startswith("/blog/"),
    "!/a": lambda path: path != "/a",
    "/café/*": lambda path: path.startswith("/caf%C3%A9/"),
    "/nothing": lambda path: False,
    "*": lambda path: True,
}
EVENTS: dict[str, Callable[[str], bool]] = {
    "click": lambda name: name == "click",
    "sign_up,click": lambda name: name in {"sign_up", "click"},
    "*": lambda name: True,
    r"a\,b\*": lambda name: name == "a,b*",
}
SITES: dict[str, Callable[[str], bool]] = {
    "example.com": lambda domain: domain == "example.com",
    "shop.example.com": lambda domain: domain == "shop.example.com:8080",
    "*.example.com": lambda domain: domain == "shop.example.com:8080",
    "other.example": lambda domain: False,
}
# Those that the filter `goal` may name in the tests of all figures.
GOALS = (
    Goal(1, "example.com", "Blog", "page", "/a,/blog/*"),
    Goal(2, "*.example.com", "Click", "event", "click"),
    Goal(3, "example.com", "Click", "event", "sign_up,click", "plan", "pro"),
    Goal(4, "shop.example.com", "Home, or so*", "page", "/"),
)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")

Row = dict[str, Any]


def reaches(goal: Goal, row: Row) -> bool:
    """Whether a row of a journal reaches a goal."""
    if not SITES[goal.site](row["domain"]):
        return False
    if goal.kind == PAGE:
        return row["kind"] == "pageview" and PATHS[goal.pattern](row["path"])
    if row["kind"] != "custom" or not EVENTS[goal.pattern](row["name"]):
        return False
    text = property_text(row, goal.property)
    return not goal.property or (text is not None and goal.value in {"", text})


def property_text(row: Row, name: str) -> str | None:
    value = json.loads(row["properties"]).get(name)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def session_passes(rows: Iterable[Row], terms: Sequence[Any]) -> bool:
    """Whether a session with these rows matches the terms of the filter `goal`."""
    names = {goal.name for row in rows for goal in GOALS if reaches(goal, row)}

    def has_any(negated: bool) -> bool:
        return any(term.fits(name) for term in terms if term.negated == negated for name in names)

    return not has_any(True) and (has_any(False) or all(term.negated for term in terms))


def amount_of(goal: Goal, row: Row) -> Decimal | None:
    text = property_text(row, goal.sum_property)
    if text is None or not _NUMBER.fullmatch(text) or abs(Decimal(text)) >= Decimal(10) ** 14:
        return None
    return Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def currency_of(goal: Goal, row: Row) -> str:
    text = property_text(row, goal.currency_property) if goal.currency_property else None
    return text.upper() if text is not None and re.fullmatch("[A-Za-z]{3}", text) else ""


def count_goal(goals: Sequence[Goal], rows: Iterable[Row]) -> tuple[int, int, dict[str, tuple[Decimal, int]]]:
    """Visitors, conversions, and the sums with the number of events by currency, of goals that count as one."""
    visitors, conversions = set(), 0
    sums: dict[str, Decimal] = defaultdict(Decimal)
    counts: Counter[str] = Counter()
    for row in rows:
        if not (reached := [goal for goal in goals if reaches(goal, row)]):
            continue
        visitors.add(row["visitor"])
        conversions += 1
        goal = next((goal for goal in reached if goal.sum_property), None)
        if goal is not None and (amount := amount_of(goal, row)) is not None:
            sums[currency_of(goal, row)] += amount
            counts[currency_of(goal, row)] += 1
    return len(visitors), conversions, {currency: (sums[currency], counts[currency]) for currency in sums}


def count_steps(goals: Sequence[Goal], rows: Iterable[Row]) -> list[int]:
    """The visits at each step, by trying every row for every step."""
    sessions = defaultdict(list)
    for row in rows:
        sessions[row["uuid"]].append(row)
    depths = [_find_depth(goals, own, -1) for own in sessions.values()]
    return [sum(depth > step for depth in depths) for step in range(len(goals))]


def _find_depth(goals: Sequence[Goal], rows: Sequence[Row], after: int) -> int:
    """The most steps that a visit completes with rows later than `after`."""
    if not goals:
        return 0
    return max(
        (1 + _find_depth(goals[1:], rows, row["at"]) for row in rows if row["at"] > after and reaches(goals[0], row)),
        default=0,
    )
