"""The rows of lists: label, numbers, and the links that filter by a row."""

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES, PROPERTIES
from prisme.dashboard.number_format import Change
from prisme.dashboard.url_state import ROW, UrlState
from prisme.stats import filters
from prisme.stats.list_metrics import Figures
from prisme.stats.patterns import LINKS


class Item(msgspec.Struct, frozen=True):
    """What a row is about: `key` tells it from others, `terms` is the filter that matches it.

    `external` is a stored text, which may be a URL of another site.
    """

    key: str
    label: str
    terms: str
    figures: Figures
    external: str = ""


class Row(msgspec.Struct, frozen=True):
    """A row of a list. `value` is the chosen metric's, `exact` in full; `bar` is the length of its bar in %.

    `share` and `change` are empty where they are unknown; `cells` are the values of all columns, for a whole list.

    `only` filters by this row alone, or removes that filter if it is `active`; `add` adds the row to the filter,
    `exclude` excludes it; `details` opens what else is known of it. They are empty where a row cannot be a filter.
    `external` is the URL of a link or file.
    """

    label: str
    value: str
    exact: str
    share: str
    bar: float
    change: Change | None = None
    cells: tuple[str, ...] = ()
    only: str = ""
    add: str = ""
    exclude: str = ""
    active: bool = False
    external: str = ""
    details: str = ""


def link_row(row: Row, state: UrlState, name: str, item: Item) -> Row:
    """The row with its links, as one of the list `name`."""
    if name == PROPERTIES and not state.get("property"):
        return _link_property(row, state, name)
    filter_name = _choose_filter(state, name)
    if filter_name in LINKS and item.external.startswith(("http://", "https://")):
        row = msgspec.structs.replace(row, external=item.external)
    # A source may have more hosts than a filter can name; an empty value of a property is no term.
    if not filter_name or not item.terms or len(item.terms) > filters.LONGEST:
        return row
    if name != PROPERTIES:
        row = msgspec.structs.replace(row, details=state.link({"list": name, "key": item.terms}, ROW))
    return _link_filter(row, state, filter_name, item.terms)


def _choose_filter(state: UrlState, name: str) -> str:
    """The filter that a row of the list `name` sets; empty for none."""
    return LIST_TYPES[name].filter if name != PROPERTIES else name_property_filter(state, state.get("property"))


def name_property_filter(state: UrlState, name: str) -> str:
    """The filter on a property; empty if the page cannot have one more, or none with such a long name."""
    found = filters.PROPERTY + name
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
