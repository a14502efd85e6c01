"""The rows of the start page: the sites with visits, the busiest first, then those that were never visited."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from prisme.access.sites import Site
from prisme.base.domains import host_of
from prisme.dashboard import filter_terms
from prisme.dashboard.display import decode_host
from prisme.dashboard.number_format import Change, describe_change, format_count, format_exact
from prisme.dashboard.sparkline import draw_sparkline
from prisme.dashboard.url_state import UrlState
from prisme.stats.site_figures import SiteFigures

SITES: Final = "/sites"
SITE: Final = "/site"
# Names of this machine: without visits, they are for trying Prisme, and no sites.
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Row(msgspec.Struct, frozen=True):
    """A domain with visits, or a site without any; `page` is that of its settings, empty where there is none."""

    name: str
    has_visits: bool
    link: str
    page: str
    visitors: str = ""
    exact: str = ""
    change: Change | None = None
    line: str = ""


class Entries(msgspec.Struct, frozen=True):
    """All rows of the page before they are built: sites with visits, and the names of those without any."""

    visited: list[SiteFigures]
    silent: list[str]

    def __len__(self) -> int:
        return len(self.visited) + len(self.silent)

    def search(self, text: str) -> "Entries":
        """Those whose name contains a text, as it is stored or as people read it, in any case."""
        wanted = text.casefold()

        def fits(name: str) -> bool:
            return wanted in name.casefold() or wanted in decode_host(name).casefold()

        return Entries([one for one in self.visited if fits(one.domain)], [name for name in self.silent if fits(name)])

    def cut(self, most: int) -> "Entries":
        """The first ones."""
        visited = self.visited[:most]
        return Entries(visited, self.silent[: most - len(visited)])


def build_rows(
    entries: Entries, by_bucket: Mapping[str, Sequence[int]], sites: Sequence[Site], state: UrlState
) -> list[Row]:
    """The rows. `sites` are those that the viewer may change, `state` makes the links."""
    index = _Index(sites)
    visited = [
        _build_visited(one, by_bucket[one.domain], index.find(host_of(one.domain)), state) for one in entries.visited
    ]
    return visited + [_build_silent(name, state) for name in entries.silent]


def find_silent(domains: Iterable[str], sites: Sequence[Site]) -> list[str]:
    """The names of sites without any visit to `domains`; those of this machine only where there is nothing else."""
    index = _Index(sites)
    visited = {name for domain in domains for name in index.find_all(host_of(domain))}
    silent = [site.name for site in sites if site.name not in visited]
    others = [name for name in silent if name not in _LOCAL]
    return others if others or len(silent) < len(sites) else silent[:1]


class _Index:
    """Finds the names of sites by a host: its own, and the wildcards that it matches."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._names = {site.name for site in sites}

    def find_all(self, host: str) -> list[str]:
        labels = host.split(".")
        wildcards = (f"*.{'.'.join(labels[number:])}" for number in range(1, len(labels)))
        return [name for name in (host, *wildcards) if name in self._names]

    def find(self, host: str) -> str:
        """The first of them; empty for none."""
        return next(iter(self.find_all(host)), "")


def is_local(name: str) -> bool:
    """Whether a name is one of this machine."""
    return name in _LOCAL


def frame_sources(hosts: Iterable[str]) -> list[str]:
    """The sources of a CSP for the pages on some hosts: https, and for names of this machine any scheme and port.

    An IPv6 address has none: the syntax of CSP does not know them.
    """
    sources = []
    for host in hosts:
        if is_local(host) or host.endswith(".localhost"):
            sources += [f"http://{host}:*", f"https://{host}:*"]
        elif not host.startswith("["):
            sources.append(f"https://{host}")
    return [source for source in sources if "[" not in source]


def site_link(root: str, name: str) -> str:
    """The page of a site's settings."""
    return f"{root}{SITE}?{urlencode({'host': name})}"


def dashboard_link(state: UrlState, domain: str) -> str:
    """The dashboard of a domain."""
    return state.link({"domain": filter_terms.make_value_term("domain", domain)})


def _build_visited(one: SiteFigures, by_bucket: Sequence[int], name: str, state: UrlState) -> Row:
    return Row(
        one.domain,
        True,
        dashboard_link(state, one.domain),
        site_link(state.root, name) if name else "",
        format_count(one.visitors),
        format_exact(one.visitors),
        describe_change(one.visitors, one.before, format_count(one.before)),
        draw_sparkline(by_bucket),
    )


def _build_silent(name: str, state: UrlState) -> Row:
    page = site_link(state.root, name)
    return Row(name, False, page, page)
