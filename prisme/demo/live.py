"""Visits to the demo while it runs, sent over HTTP as browsers behind a proxy would."""

import contextlib
import http.client
import itertools
import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Final
from urllib.parse import quote

from prisme.demo.traffic import SECOND, Sent, choose_site, interleave, make_visit

# Seconds between two visits, on average; the longest pause is 192 s. So somebody is always there, within the five
# minutes of `visiting now`, and an hour has some three times as many visits as a usual one of the demo, not ten times.
_EVERY: Final = 120.0
_FIRST: Final = 4
_TIMEOUT: Final = 10.0
# An event that is later than this came due while the machine slept, and all that came due with it would come at once.
_LATEST: Final = 300 * SECOND
_PATHS: Final = {"pageview": "pageviews", "download": "file-downloads", "outbound": "outbound-links"}


class LiveVisits:
    """`with LiveVisits(port, seed):` sends visits to a server on this machine until the block ends."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = Random(seed)  # noqa: S311  # for visits, which are not secret
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live visits", daemon=True)

    def __enter__(self) -> "LiveVisits":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_TIMEOUT)

    def _run(self) -> None:
        """Send each event when it is due. What fails is not sent again: the server may not listen yet, or no more."""
        while not self._stop.is_set():
            for sent in itertools.takewhile(lambda one: _now() - one.at < _LATEST, self._events()):
                if self._stop.wait(max(sent.at - _now(), 0) / SECOND):
                    return
                with contextlib.suppress(OSError, http.client.HTTPException):
                    send(self._port, sent)

    def _events(self) -> Iterator[Sent]:
        """All events from now on, in the order of time."""
        random = self._random

        def begin_visits() -> Iterator[tuple[int, Iterator[Sent]]]:
            for begin in live_starts(_now(), random):
                yield begin, make_visit(begin, choose_site(random), Random(random.getrandbits(64)))  # noqa: S311  # as above

        return interleave(begin_visits())


def live_starts(now: int, random: Random) -> Iterator[int]:
    """When visits begin from `now` on, in microseconds, without an end."""
    for number in itertools.count():
        now += int(random.uniform(0.4, 1.6) * _EVERY * SECOND) if number >= _FIRST else SECOND
        yield now


def send(port: int, sent: Sent) -> int:
    """Send an event to a server on this machine; gives the status. Raises OSError or HTTPException."""
    page = f"https://{sent.site}{sent.path}"
    headers = {
        "Origin": f"https://{sent.site}",
        "X-Prisme-Referrer": page,
        "X-Prisme-Document-Referrer": sent.referrer,
        "X-Prisme-Visitor-Id": sent.visitor,
        "X-Prisme-Status": sent.status,
        "X-Forwarded-For": sent.address,
        "User-Agent": sent.agent.user_agent,
        "Sec-CH-UA-Platform": sent.agent.platform,
        "Sec-CH-UA-Model": sent.agent.model,
        "Content-Type": "application/json" if sent.properties else "",
    }
    path = _PATHS.get(sent.kind) or f"custom/{quote(sent.name, safe='')}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    with contextlib.closing(connection):
        body = (sent.properties or sent.link).encode()
        connection.request("POST", f"/api/v1/events/{path}", body, {n: v for n, v in headers.items() if v})
        return connection.getresponse().status


def _now() -> int:
    return time.time_ns() // 1000
