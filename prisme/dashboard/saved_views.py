"""Saved views as links, and what of a page's parameters a view has."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from prisme.access.views import View
from prisme.base.errors import InputError
from prisme.dashboard import periods
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.parameters import COMPARE

# What a view has beside its filters, if it is saved with the period.
_PERIOD: Final = ("period", "from", "to", "tz", "interval", *COMPARE, "metric")
_TIMES: Final = frozenset({"period", "from", "to"})


class SavedView(msgspec.Struct, frozen=True):
    """A view in the menu; `is_site` says that everybody who may see the site has it."""

    id: int
    name: str
    link: str
    is_site: bool
    is_chosen: bool


def choose_parameters(parameters: Mapping[str, str], *, with_period: bool, for_site: bool) -> str:
    """The query of a view: the filters of a page, without that on the site if it is the site's own.

    Raises InputError if there is nothing to save.
    """
    names = [name for name in filters.list_names(parameters) if not (for_site and name == filters.DOMAIN)]
    names += _PERIOD if with_period else ()
    given = parameters if _TIMES & parameters.keys() else {**parameters, "period": periods.DEFAULT}
    chosen = {name: given[name] for name in names if given.get(name)}
    if not chosen:
        raise InputError("a view has filters, or the period: choose a filter first, or check the box With the period")
    return urlencode(chosen)


def build_views(state: UrlState, views: Sequence[View]) -> list[SavedView]:
    """The views as links from a page: they replace its filters, and its period if they have one."""
    return [_build_view(state, view) for view in views]


def _build_view(state: UrlState, view: View) -> SavedView:
    saved = dict(parse_qsl(view.query))
    # The site stays chosen, unless the view has another one.
    names = (*filters.NAMES, *filters.list_names(state.parameters))
    changes: dict[str, str | None] = {name: None for name in names if name != filters.DOMAIN}
    if not _TIMES.isdisjoint(saved):
        changes |= dict.fromkeys(_PERIOD)
    changes |= saved
    is_chosen = all(state.get(name) == (text or "") for name, text in changes.items())
    return SavedView(view.id, view.name, state.link(changes), view.owner.site is not None, is_chosen)
