"""Reads the query of a page from its URL. What is wrong is left out, and told: a page with a default helps more."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec

from prisme.base.errors import InputError
from prisme.base.goals import Goal
from prisme.dashboard import filter_terms
from prisme.dashboard.comparison import comparison_parameters
from prisme.dashboard.filter_chips import name_field
from prisme.dashboard.url_state import UrlState, read_parameters
from prisme.dashboard.words import explain, mark, translate
from prisme.stats import filters
from prisme.stats.parameters import COMPARE, PROPERTY, StatsQuery, read_query

_TITLES: Final = {
    "period": mark("Period"),
    "from": mark("From"),
    "to": mark("To"),
    "tz": mark("Time zone"),
    "interval": mark("Interval"),
    "compare": mark("Comparison"),
    "compare-from": mark("Compare from"),
    "compare-to": mark("Compare to"),
    "sort": mark("Sort by"),
    "order": mark("Order"),
    "start": mark("Start"),
}
# Parameters that mean nothing without each other.
_PAIRS: Final = (("from", "to"), ("compare-from", "compare-to"))


class Fault(msgspec.Struct, frozen=True):
    """A wrong parameter: its title, what is wrong, with an example, and the text that was typed."""

    title: str
    reason: str
    typed: str


class PageQuery(msgspec.Struct, frozen=True):
    """The query of a page, and its state without the wrong parameters.

    `faults` has those by name; `typed` what a form shows again, also of a parameter that was left out with another.
    """

    state: UrlState
    query: StatsQuery
    faults: dict[str, Fault]
    typed: dict[str, str]


def read_page_parameters(query: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Fault]]:
    """The known parameters of a page's URL without invalid filters, and these."""
    given, faults, kept = dict(query), dict[str, Fault](), dict[str, str]()
    for name in (*filters.NAMES, *(one for one in query if one.startswith(filters.PROPERTY))):
        text = given.pop(name, "")
        try:
            filter_terms.normalise(name, text)
            filters.list_names(kept | {name: text})
        except InputError as error:
            faults[name] = build_fault(name, error, text)
        else:
            kept[name] = text
    return read_parameters(given | kept), faults


def read_page_query(state: UrlState, now: int, limit: int, goals: Sequence[Goal] = ()) -> PageQuery:
    """The query for the lists' first `limit` rows; `now` is in microseconds, `goals` are those that a filter may name.

    Raises InputError if more than the parameters in the URL is wrong.
    """

    def read(state: UrlState) -> StatsQuery:
        compared = comparison_parameters(state, now)
        return read_query(_select(state, COMPARE) | compared | {"limit": str(limit)}, now, COMPARE, goals)

    return _leave_out_wrong(state, read)


def read_part_query(
    state: UrlState, now: int, limit: int, goals: Sequence[Goal] = (), without: Collection[str] = ()
) -> PageQuery:
    """The same for a page about one list or row, which is not compared, and has not the parameters `without`."""

    def read(state: UrlState) -> StatsQuery:
        return read_query(_select(state, (*COMPARE, *without)) | {"limit": str(limit)}, now, PROPERTY, goals)

    return _leave_out_wrong(state, read)


def build_fault(name: str, error: InputError, typed: str) -> Fault:
    """The fault of a parameter, of an error whose message begins with its name."""
    title = translate(_TITLES[name]) if name in _TITLES else name_field(name)
    return Fault(title, explain(error).partition(": ")[2], typed)


def _leave_out_wrong(state: UrlState, read: Callable[[UrlState], StatsQuery]) -> PageQuery:
    """The query that `read` makes of a state without its wrong parameters."""
    faults: dict[str, Fault] = {}
    typed: dict[str, str] = {}
    while True:
        try:
            return PageQuery(state, read(state), faults, typed)
        except InputError as error:
            name = str(error).partition(":")[0]
            left_out = _choose_left_out(state, name)
            if not left_out:
                raise
            typed |= {one: state.get(one) for one in left_out}
            faults[left_out[0]] = build_fault(left_out[0], error, state.get(left_out[0]))
            kept = {one: text for one, text in state.parameters.items() if one not in left_out}
            state = msgspec.structs.replace(state, parameters=kept)


def _select(state: UrlState, without: Collection[str]) -> dict[str, str]:
    return {name: text for name, text in state.stats_parameters().items() if name not in without}


def _choose_left_out(state: UrlState, name: str) -> list[str]:
    """What to leave out if the parameter `name` is wrong, that one first; nothing if the URL does not have it."""
    pair = next((pair for pair in _PAIRS if name in pair), (name,))
    found = [one for one in (name, *pair) if state.get(one)]
    # A compared period can also be too long for the interval.
    return list(dict.fromkeys(found)) or ["interval"] * bool(state.get("interval"))
