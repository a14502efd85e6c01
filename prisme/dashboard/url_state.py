"""The state of a dashboard page, all of it in the URL: period, comparison, filters, and the list that each panel shows.

A period is a name, or `from` and `to` as in the stats API.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from prisme.access.sharing import CREDENTIALS, EMBED, PUBLIC
from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.dashboard import filter_terms, periods
from prisme.dashboard.periods import PERIODS
from prisme.stats import filters
from prisme.stats.parameters import COMPARE

DASHBOARD: Final = "/dashboard"
LIST: Final = "/dashboard/list"
ROW: Final = "/dashboard/row"
# Parameters that are passed on to the stats API, and those of the page alone.
_STATS_PARAMETERS: Final = ("tz", "interval", *COMPARE)
_PAGE_PARAMETERS: Final = (
    "period", "metric", "sources", "pages", "countries", "technology", "events", "links", "property",
)  # fmt: skip
_KNOWN: Final = (*_PAGE_PARAMETERS, "from", "to", *_STATS_PARAMETERS, *CREDENTIALS)


class UrlState(msgspec.Struct, frozen=True):
    """The parameters of a page's URL, without empty ones.

    `data_start` is the time of the oldest data (microseconds), None if there is none. `default_zone` is the time zone
    if the URL has none; empty for UTC. `root` is the path that all links follow.
    """

    parameters: dict[str, str]
    data_start: int | None
    default_zone: str
    root: str = ""

    def get(self, name: str) -> str:
        """A parameter, empty if absent."""
        return self.parameters.get(name, "")

    @property
    def period(self) -> str:
        """A key of `PERIODS`, or `periods.CUSTOM`."""
        if "from" in self.parameters or "to" in self.parameters:
            return periods.CUSTOM
        return self.parameters.get("period", periods.DEFAULT)

    def stats_parameters(self) -> dict[str, str]:
        """The parameters of the stats API. Raises InputError for an unknown period."""
        zone = {"tz": self.default_zone} if self.default_zone else {}
        chosen = (*_STATS_PARAMETERS, *filters.list_names(self.parameters))
        return zone | self._select(chosen) | self._period_parameters()

    def _period_parameters(self) -> dict[str, str]:
        if self.period == periods.CUSTOM:
            return self._select(("from", "to"))
        period = PERIODS.get(self.period)
        if period is None:
            raise InputError(
                "period: {period!r} is not one of {known}, such as period=7d",
                period=self.period[:64],
                known=", ".join(PERIODS),
            )
        if period.start:
            return {"from": period.start, "to": period.end}
        # All time: nothing to compare with, unless the URL says otherwise.
        comparison = {} if set(self.parameters) & set(COMPARE) else {"compare": "none"}
        start = 0 if self.data_start is None else self.data_start // SECOND
        return comparison | {"from": str(start) if start else "now/d", "to": "now"}

    def _select(self, names: tuple[str, ...]) -> dict[str, str]:
        return {name: text for name, text in self.parameters.items() if name in names}

    def link(self, changes: Mapping[str, str | None] = MappingProxyType({}), path: str = DASHBOARD) -> str:
        """The URL with some parameters changed; None or an empty text removes one."""
        parameters = {name: text for name, text in {**self.parameters, **changes}.items() if text}
        query = f"?{urlencode(parameters, quote_via=quote, safe='/:*,!')}" if parameters else ""
        return f"{self.root}{path}{query}"

    def hidden_fields(self, *without: str) -> list[tuple[str, str]]:
        """The parameters that a form passes on, but for those that it has fields for."""
        return [(name, text) for name, text in self.parameters.items() if name not in without]


def read_parameters(query: Mapping[str, str]) -> dict[str, str]:
    """A page's parameters, with filters in their normal form; unknown ones, which links of mails have, are left out.

    Raises InputError for an invalid filter.
    """
    known = {name: text for name, text in query.items() if text and (name in _KNOWN or filters.is_filter(name))}
    if EMBED in known and PUBLIC not in known:
        raise InputError("embed: is for public dashboards, such as public=example.com&embed=1")
    return known | {name: filter_terms.normalise(name, known[name]) for name in filters.list_names(known)}
