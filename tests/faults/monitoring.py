"""A server whose health check, metrics and log are watched while something fails."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.process import Process
from tests.server import free_port, wait_until

HEALTH = "/api/v1/healthcheck"


class Monitored(Process):
    """A server with its health check and its metrics. It accepts events until the disk is full to the last byte."""

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
        """The sum of a metric's samples, over all labels that `name` leaves out."""
        lines = self.http.get(f"http://{self._admin}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def log_text(self, since: int = 0) -> str:
        """The messages of the log from line `since` on."""
        return "\n".join(line["msg"] for line in self.log()[since:])


class Symptoms(NamedTuple):
    """What a failure looks like from outside.

    `refuses` says whether events are refused. `reason` is the start of the health check's text, `failed` and `healed`
    are in the log, `metric` is the one that grows.
    """

    refuses: bool
    reason: str
    failed: str
    healed: str
    metric: str


JOURNAL = Symptoms(
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
STORE = Symptoms(
    False,
    "store: ",
    "segments pending, to be loaded later: ",
    "all pending segments are loaded",
    "eventstore_batch_retry_total",
)


def endure(
    server: Monitored, symptoms: Symptoms, begin: Callable[[], object], end: Callable[[], None], lasting: float
) -> float:
    """Cause a failure for `lasting` seconds, by calling `begin` repeatedly, then end it and wait for the recovery.

    Returns the seconds from the end of the failure to the recovery.
    """
    before, line = server.metric(symptoms.metric), len(server.log())

    begun = time.monotonic()
    seen = set()

    def is_logged() -> bool:
        begin()  # again and again, as the load of a segment frees disk space
        seen.add((*server.health(), server.metric("eventstore_failing")))
        time.sleep(0.05)
        # The state is logged once a second.
        return time.monotonic() > begun + lasting and symptoms.failed in server.log_text(line)

    wait_until(is_logged, "the failure in the log", lasting)
    assert any(status == 503 and reason.startswith(symptoms.reason) and failing for status, reason, failing in seen), (
        seen
    )
    assert server.metric(symptoms.metric) > before
    end()
    ended = time.monotonic()
    wait_until(lambda: server.health() == (200, "ok"), "the server to recover", lasting)
    seconds = time.monotonic() - ended
    wait_until(lambda: symptoms.healed in server.log_text(line), "the recovery in the log")
    assert server.metric("eventstore_failing") == 0
    return seconds
