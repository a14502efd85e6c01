"""When the tracking script was last requested by pages of a site: it shows that the snippet is in place."""

from typing import Final

from prisme.base import uri
from prisme.visit.origins import Hosts
from prisme.visit.sites import Sites

# Hosts whose pages have requested the script since the start; some 200 bytes each.
_MOST: Final = 1024


class ScriptRequests:
    """The latest request for the script by the host of its page. `note` is for the event loop."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._latest: dict[str, float] = {}

    def note(self, referer: bytes, now: float) -> None:
        """A request with this `Referer`, at `now` (Unix seconds)."""
        page = uri.parse(referer) if referer and self._sites.admits[referer] else None
        if page is None:
            return
        host = self._sites.canonical(page.host)
        self._latest.pop(host, None)
        self._latest[host] = now
        if len(self._latest) > _MOST:
            del self._latest[next(iter(self._latest))]

    def latest(self, hosts: Hosts) -> float | None:
        """The time of the latest request by a page of these hosts (Unix seconds); None for none. For any thread."""
        return max((at for host, at in self._latest.copy().items() if host in hosts), default=None)
