"""A server that says how it is, in all the places where it should, while something fails."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.process import Process
from tests.server import free_port, wait_until

HEALTH = "/api/v1/healthcheck"


class Watched(Process):
    """A server that is asked for its health and its metrics. It takes events as long as a byte of them fits."""

    def __init__(self, folder: Path, prefix: tuple[str, ...] = (), interval: str = "200ms") -> None:
        self._admin = f"127.0.0.1:{free_port()}"
        super().__init__(
            folder,
            prefix=prefix,
            trust_proxy="true",
            eventstore_max_batch_timeout=interval,
            admin_hostport=self._admin,
            min_free_space="0",
        )

    def health(self) -> tuple[int, str]:
        answer = self.http.get(HEALTH)
        return answer.status_code, answer.text.strip()

    def metric(self, name: str) -> float:
        """The sum over all labels that the name does not give."""
        lines = self.http.get(f"http://{self._admin}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def told(self, since: int = 0) -> str:
        """The log's lines from that one on."""
        return "\n".join(line["msg"] for line in self.log()[since:])


class Where(NamedTuple):
    """`refuses`: whether events are. `reason` begins the health check's, `failed` and `healed` are in the log."""

    refuses: bool
    reason: str
    failed: str
    healed: str
    metric: str


JOURNAL = Where(
    True,
    "journal: No space left on device",
    "events are refused, or wait in the journal: journal: No space left on device",
    "events are accepted again",
    'events_refused_total{reason="journal_unavailable"}',
)
DENIED = JOURNAL._replace(
    refuses=False,
    reason="journal: Permission denied",
    failed="events are refused, or wait in the journal: journal: Permission denied",
    metric="eventstore_failing",
)
STORE = Where(
    False,
    "store: ",
    "segments pending, to be loaded later: ",
    "all pending segments are loaded",
    "eventstore_batch_retry_total",
)


def endure(
    server: Watched, where: Where, begin: Callable[[], object], end: Callable[[], None], lasting: float
) -> float:
    """A fault under load, for so many seconds; `begin` is called again and again.

    Gives the seconds from its end until all is well.
    """
    before, line = server.metric(where.metric), len(server.log())

    begun = time.monotonic()
    seen = set()

    def has_told() -> bool:
        begin()  # what is loaded gives its room back
        seen.add((*server.health(), server.metric("eventstore_failing")))
        time.sleep(0.05)
        # The log is written once a second, by what is so then.
        return time.monotonic() > begun + lasting and where.failed in server.told(line)

    wait_until(has_told, "the log to tell", lasting)
    assert any(status == 503 and reason.startswith(where.reason) and failing for status, reason, failing in seen), seen
    assert server.metric(where.metric) > before
    end()
    ended = time.monotonic()
    wait_until(lambda: server.health() == (200, "ok"), "the server to recover", lasting)
    seconds = time.monotonic() - ended
    wait_until(lambda: where.healed in server.told(line), "the log to say so")
    assert server.metric("eventstore_failing") == 0
    return seconds
