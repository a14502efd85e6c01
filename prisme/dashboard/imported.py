"""The note of a page that figures of imports are among its figures, or are not as its filters cannot narrow them."""

from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.url_state import UrlState
from prisme.stats.dashboard import Dashboard
from prisme.stats.filters import IMPORTED
from prisme.stats.imported import NARROWING, can_narrow, describe
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Imported

# The programs that such figures come from, by the formats that imports are named after.
_PROGRAMS: Final = {"plausible": "Plausible", "matomo": "Matomo", "ga4": "Google Analytics"}


class ImportedNote(msgspec.Struct, frozen=True):
    """Of how many days, and from where. `kind` is `shown`, `compared` (in that period alone) or `left-out`.

    `link` is the page without these imports.
    """

    kind: str
    days: int
    sources: str
    link: str


def build_imported_note(stats: Stats, state: UrlState, query: StatsQuery, dashboard: Dashboard) -> ImportedNote | None:
    """The note of a page; None if there are no such figures. Raises UnavailableError."""
    if not can_narrow(query.filters):
        chosen = {name: one for name, one in query.filters.items() if name in NARROWING}
        return _build(state, "left-out", describe(stats, chosen, query.span))
    if dashboard.imported:
        return _build(state, "shown", dashboard.imported)
    return _build(state, "compared", dashboard.compared_imported or None)


def _build(state: UrlState, kind: str, imported: Imported | None) -> ImportedNote | None:
    if imported is None:
        return None
    # Not what other imports brought, whose visits filters can narrow.
    chosen = state.get(IMPORTED)
    for name in imported.names:
        chosen = filter_terms.add(chosen, filter_terms.make_term(name, excludes=True))
    sources = ", ".join(map(_name, imported.names))
    return ImportedNote(kind, imported.days, sources, state.link({IMPORTED: chosen}))


def _name(name: str) -> str:
    """An import by its program: `Plausible (plausible-1)`."""
    program = _PROGRAMS.get(name.rpartition("-")[0], "")
    return f"{program} ({name})" if program else name
