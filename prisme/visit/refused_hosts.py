"""The hosts whose events were refused because they are no registered sites, since the start, in memory only.

A "space-saving" counter (Metwally et al., 2005): where it is full, a new host replaces that with the fewest events and
inherits its number. So random hosts replace each other, and a host with many events stays.
"""

from typing import Final

import msgspec

from prisme.base import uri

# An entry takes some 300 bytes. To find the one to replace takes 15 us.
_MOST: Final = 256


class RefusedHost(msgspec.Struct, frozen=True):
    """At least `count` events of pages on `host` were refused, the last one at `last`, in Unix seconds."""

    host: str
    count: int
    last: int


class RefusedHosts:
    """`add` belongs to the event loop's thread; any thread may call `list`."""

    def __init__(self) -> None:
        # By host: the counter, the part of it that was inherited, and the last time.
        self._hosts: dict[str, tuple[int, int, int]] = {}

    def add(self, raw: bytes, now: int) -> None:
        """Count a refused event by the URL or origin that it was sent with, if this has a valid host."""
        url = uri.parse(raw)
        if url is None or not url.is_web:
            return
        counter, inherited, _ = self._hosts.get(url.host) or self._make_room()
        self._hosts[url.host] = (counter + 1, inherited, now)

    def list(self) -> list[RefusedHost]:
        """The hosts, those with the most events first."""
        items = [*self._hosts.items()]
        hosts = [RefusedHost(host, counter - inherited, last) for host, (counter, inherited, last) in items]
        return sorted(hosts, key=lambda one: (-one.count, -one.last, one.host))

    def _make_room(self) -> tuple[int, int, int]:
        """The beginning of an entry for a new host."""
        if len(self._hosts) < _MOST:
            return (0, 0, 0)
        fewest = min(self._hosts, key=lambda host: self._hosts[host][0])
        counter, _, _ = self._hosts.pop(fewest)
        return (counter, counter, 0)
