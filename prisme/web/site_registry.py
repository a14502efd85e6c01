"""The sites of the running server: what was added or removed, here or by another process, counts without a restart."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence

from prisme.access.sites import EncodedListing, Registered, SiteList
from prisme.visit.refused_hosts import RefusedHost, RefusedHosts
from prisme.visit.sites import Sites


class SiteRegistry:
    """Passes changes of the list on to `sites`, which belongs to the event loop; made in its thread.

    `list` is for admins: pages and the API change it in a worker thread, and call `publish` there.
    """

    def __init__(self, list_: SiteList, sites: Sites, refused: RefusedHosts) -> None:
        self.list = list_
        self._sites = sites
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        self.revision = 0  # that of the list that is in force
        self._listing: EncodedListing | None = None
        self._apply(list_.read())

    def publish(self) -> None:
        """After a change, in a worker thread: it is in force before the response to the change is sent.

        The event loop runs what it is given in order, and the thread's result comes after this.
        """
        self._loop.call_soon_threadsafe(self._apply, self.list.read())

    def refresh(self) -> None:
        """Look for changes by other processes, in the event loop: 0.4 ms. While the file cannot be read, later."""
        with contextlib.suppress(sqlite3.Error):
            if (changed := self.list.read_if_changed(self.revision)) is not None:
                self._apply(changed)

    def set_options(self, origins: Sequence[str], aliases: Sequence[tuple[str, str]]) -> None:
        """Take other options over, in the event loop; while the file cannot be read, `refresh` does it later."""
        self.list.set_options(origins, aliases)
        self.revision = -1
        self.refresh()

    def listing(self) -> tuple[bytes, bytes]:
        """What ingestion nodes learn: its `ETag`, and JSON. For the one thread in which the API changes the list."""
        self._listing = self.list.encode_listing(self._listing)
        return self._listing.etag, self._listing.body

    def refused(self) -> list[RefusedHost]:
        """The hosts whose events were refused, and that are not registered now. For any thread."""
        return [one for one in self._refused.list() if not self._sites.is_registered(one.host)]

    def _apply(self, registered: Registered) -> None:
        if registered.revision > self.revision:  # two threads may have read at the same time
            self.revision = registered.revision
            self._sites.replace(registered.hosts, registered.aliases)
