"""The rows of lists: label, numbers, and the links that filter by a row."""

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES, PROPERTIES
from prisme.dashboard.number_format import format_count, format_exact, format_percent
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters


class Row(msgspec.Struct, frozen=True):
    """A row of a list. `bar` is the length of its bar in %.

    `only` filters by this row alone, or removes that filter if it is `active`; `add` adds the row to the filter,
    `exclude` excludes it. They are empty where a row cannot be a filter. `external` is a URL of another site.
    """

    label: str
    value: str
    exact: str
    share: str
    bar: float
    only: str = ""
    add: str = ""
    exclude: str = ""
    active: bool = False
    external: str = ""


class Scale(msgspec.Struct, frozen=True):
    """What a list's counts are compared with: shares are of `total`, 0 for none; bars are of `highest`."""

    total: float
    highest: float


def build_row(
    state: UrlState, name: str, label: str, terms: str, count: float, scale: Scale, external: str = ""
) -> Row:
    """A row of the list `name`; `terms` is the filter that matches it."""
    row = Row(
        label,
        format_count(count),
        format_exact(count),
        format_percent(count / scale.total) if scale.total else "",
        round(100 * count / scale.highest, 1) if scale.highest else 0,
    )
    if name == PROPERTIES and not state.get("property"):
        return _link_property(row, state, name)
    filter_name = _choose_filter(state, name)
    # A source may have more hosts than a filter can name; an empty value of a property is no term.
    if not filter_name or not terms or len(terms) > filters.LONGEST:
        is_url = external.startswith(("http://", "https://"))
        return msgspec.structs.replace(row, external=external if is_url else "")
    return _link_filter(row, state, filter_name, terms)


def _choose_filter(state: UrlState, name: str) -> str:
    """The filter that a row of the list `name` sets; empty for none."""
    if name != PROPERTIES:
        return LIST_TYPES[name].filter
    found = filters.PROPERTY + state.get("property")
    others = [one for one in state.parameters if one.startswith(filters.PROPERTY) and one != found]
    return found if len(others) < filters.MOST_PROPERTIES and len(found) <= filters.LONGEST else ""


def _link_property(row: Row, state: UrlState, name: str) -> Row:
    return msgspec.structs.replace(row, only=state.link({"property": row.label, "events": name}) + "#events")


def _link_filter(row: Row, state: UrlState, filter_name: str, terms: str) -> Row:
    current, own = state.get(filter_name), filter_terms.split(terms)
    active = set(own) <= set(filter_terms.split(current))
    added = excluded = current
    for term in own:
        added = filter_terms.add(added, term)
        excluded = filter_terms.add(excluded, "!" + term)
    return msgspec.structs.replace(
        row,
        only=state.link({filter_name: filter_terms.remove(current, own) if active else terms}),
        add="" if active else state.link({filter_name: added}),
        exclude=state.link({filter_name: excluded}),
        active=active,
    )
