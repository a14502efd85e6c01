"""When the tracking script was last requested by pages of each site: it shows that the snippet is in place."""

from collections.abc import Callable
from typing import Final

from prisme.base import uri

# Sites whose pages have requested the script since the start; some 200 bytes each.
_MOST: Final = 1024


class ScriptRequests:
    """The latest request for the script by host. `admits` says whether the host of a URL is a site's."""

    def __init__(self, admits: Callable[[bytes], bool], canonical: Callable[[str], str]) -> None:
        self._admits = admits
        self._canonical = canonical
        self._latest: dict[str, float] = {}

    def note(self, referer: bytes, now: float) -> None:
        """A request by a page, with its `Referer`, at `now` (Unix seconds)."""
        page = uri.parse(referer) if referer and self._admits(referer) else None
        if page is None:
            return
        host = self._canonical(page.host)
        self._latest.pop(host, None)
        self._latest[host] = now
        if len(self._latest) > _MOST:
            del self._latest[next(iter(self._latest))]

    def latest(self, host: str) -> float | None:
        """The time of the latest request by a page of a site, in Unix seconds; None for none since the start."""
        return self._latest.get(host)
