"""The sites that a user may see: they rarely change, and listing them reads all sessions."""

import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from prisme.stats.cache.lru import PATIENCE, LruCache

# A domain with the moment of its first entry.
Sites = list[tuple[str, int]]

_SECONDS: Final = 60.0
_MAX_BYTES: Final = 4 << 20
# A domain and a moment take about this much.
_SITE_BYTES: Final = 256


class _Listed(NamedTuple):
    listed_at: float
    sites: Sites


class SiteCache:
    """Sites by the domains that a user may see. For any threads."""

    def __init__(self) -> None:
        self._listed: LruCache[_Listed] = LruCache(_MAX_BYTES)

    def find(self, allowed: Hashable, list_sites: Callable[[], Sites]) -> Sites:
        """Return the sites as listed within the last minute; an empty list is never cached."""
        with self._listed.reserve(allowed, PATIENCE) as is_reserved:
            if not is_reserved:
                return list_sites()
            now = time.monotonic()
            cached = self._listed.get(allowed)
            if cached is not None and now - cached.listed_at < _SECONDS:
                return cached.sites
            sites = list_sites()
            if sites:
                self._listed.put(allowed, _Listed(now, sites), _SITE_BYTES * len(sites) + len(repr(allowed)))
                self._listed.evict()
            return sites
