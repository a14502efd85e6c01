"""What all readers of ClickHouse share: the connections, and what is known of what has been loaded there.

Other nodes load as well. A load is noticed by its marker, whenever a reader is opened; which rows it brought is not
known, so that nothing holds that was counted before.
"""

import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

from prisme.runtime.cancellation import Cancellation
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.tables import Place
from prisme.store.imported_days import ImportedDays
from prisme.store.load_log import LoadLog
from prisme.store.query_reader import Row

# No rows are read for these: ClickHouse knows how many rows the parts of a table have, and the bounds of their times. A
# marker that was sent twice may count twice for a while.
_AS_STORED: Final[Mapping[str, str | int]] = {"final": 0}
_STATE: Final = "SELECT (SELECT count(*) FROM segments), (SELECT count(*) FROM imports)"
_LATEST: Final = """
SELECT toUnixTimestamp64Micro(max(latest)) FROM (
    SELECT max(entry_timestamp) AS latest FROM sessions
    UNION ALL SELECT max("timestamp") FROM pageviews
    UNION ALL SELECT max("timestamp") FROM events_custom
    UNION ALL SELECT max("timestamp") FROM file_downloads
    UNION ALL SELECT max("timestamp") FROM outbound_link_clicks
)
"""


class _Asker(Protocol):
    def ask(
        self, query: str, parameters: Mapping[str, Any], settings: Mapping[str, str | int] | None = None
    ) -> list[Row]:
        """The rows of a query. Raises UnavailableError."""


class Readers:
    """For readers in any threads. `stopping` ends all queries; `load_log` has loads of other nodes, too."""

    def __init__(self, client: Client, place: Place) -> None:
        self.client = client
        self.place = place
        self.stopping = Cancellation()
        self.imported_days = ImportedDays()
        self.load_log = LoadLog(0)
        self._lock = threading.Lock()
        self._state: Row = ()

    def note_loads(self, reader: _Asker) -> int:
        """Note a load of everything if anything was loaded since the last call. Gives the number of loads by now.

        Raises UnavailableError.
        """
        (state,) = reader.ask(_STATE, {}, _AS_STORED)
        with self._lock:
            if state == self._state:
                return self.load_log.done
        ((highest,),) = reader.ask(_LATEST, {}, _AS_STORED)
        with self._lock:
            if state != self._state:
                self._state = state
                self._note(highest)
            return self.load_log.done

    def note_change(self) -> None:
        """Note that any rows may have changed, such as by a deletion, after the commit."""
        with self._lock:
            self._note(self.load_log.highest)

    def _note(self, highest: int) -> None:
        """Note a load of anything up to a time (microseconds)."""
        self.load_log.begin(0, highest)
        self.load_log.end()
