"""Brings another file of the country database into use while events are recorded."""

import asyncio
import logging

from prisme.visit.geo import Geo, GeoFile
from prisme.visit.geo_file import GeoError, GeoSource


class GeoReload:
    """For the event loop. A thread copies and checks a file, as one with cities may have 100 MB."""

    def __init__(self, geo: Geo, source: GeoSource, log: logging.Logger) -> None:
        self._geo = geo
        self._source = source
        self._log = log
        self._task: asyncio.Task[None] | None = None
        # Why the file that is there is not in use; None while it is.
        self.failure: str | None = None

    def look(self) -> None:
        """Begin to load the file if it has changed."""
        if self._task is None and self._source.has_changed():
            self._task = asyncio.create_task(self._load())

    def report(self) -> None:
        """Log that an older file is still in use, where it is so."""
        if self.failure is not None:
            self._log.error("the country database cannot be replaced, the old one stays in use: %s", self.failure)

    async def _load(self) -> None:
        """Where the new file cannot be used, the old one stays in use."""
        try:
            file = await asyncio.to_thread(self._source.open)
        except GeoError as error:
            self.failure = str(error)
            self.report()
        else:
            self._geo.use(file)
            self.failure = None
            self._log.info("the country database was replaced: %s", describe(file))
        finally:
            self._task = None


def describe(file: GeoFile) -> str:
    """A file for the log."""
    return f"{file.path} ({file.kind}) is in use now, with the columns {', '.join(file.columns)}"
