"""Visitors with addresses of their own, who view page after page through a balancer and remember what was answered."""

import http.client
import socket
import threading
import time
from ipaddress import ip_address
from typing import Final

from tests.e2e.proxies import HOST
from tests.faults.clickhouse.backends import EVENTS
from tests.faults.clickhouse.balancers import Balancer
from tests.server import browser, wait_until

SITE: Final = "https://example.com"
_THREADS: Final = 4
_PAUSE: Final = 0.01  # seconds between two pages of a thread's visitors
_PATIENCE: Final = 20


class _Connection(http.client.HTTPSConnection):
    """To a balancer of this machine, by the name in its certificate."""

    def __init__(self, balancer: Balancer, address: str) -> None:
        super().__init__("127.0.0.1", balancer.port, timeout=_PATIENCE)
        self._trust = balancer.trust
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout, (self._address, 0))
        self.sock = self._trust.wrap_socket(plain, server_hostname=HOST)


class Visitor:
    """Somebody at a loopback address, whose pages are `/NAME-0`, `/NAME-1` and so on, each reached from the last one.

    `answered` has the paths answered with success, `failed` all others: what became of these is not known.
    """

    def __init__(self, balancer: Balancer, name: str, address: str) -> None:
        self.name = name
        self.answered: list[str] = []
        self.failed: list[str] = []
        self._balancer = balancer
        self._address = address
        self._wire = self._connect()

    def view(self) -> None:
        """View the next page, whatever comes of it."""
        number = len(self.answered) + len(self.failed)
        path = f"/{self.name}-{number}"
        headers = dict(browser(SITE + path)) | {"Host": HOST}
        if number:
            headers["X-Prisme-Document-Referrer"] = f"{SITE}/{self.name}-{number - 1}"
        try:
            self._wire.request("POST", EVENTS, headers=headers)
            answer = self._wire.getresponse()
            answer.read()
            (self.answered if answer.status == 200 else self.failed).append(path)
        except (OSError, http.client.HTTPException):
            self.failed.append(path)
            self._wire.close()
            self._wire = self._connect()

    def leave(self) -> None:
        """Close the connection."""
        self._wire.close()

    def _connect(self) -> "_Connection":
        return _Connection(self._balancer, self._address)


class Crowd:
    """So many visitors, until `stop`. Crowds of another `name` and `network` (0 to 255) are other people."""

    def __init__(self, balancer: Balancer, name: str, network: int, count: int = 48) -> None:
        first = ip_address(f"127.40.{network}.1")
        self.visitors = [Visitor(balancer, f"{name}{number}", str(first + number)) for number in range(count)]
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(self.visitors[start::_THREADS],)) for start in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def flow(self, pages: int = 2) -> None:
        """Wait until each visitor has viewed some more pages."""
        goals = [len(visitor.answered) + pages for visitor in self.visitors]
        wait_until(
            lambda: all(len(one.answered) >= goal for one, goal in zip(self.visitors, goals, strict=True)), "pageviews"
        )

    def stop(self) -> None:
        """End it after the pages that are on their way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive()

    @property
    def answered(self) -> list[str]:
        """All paths answered with success."""
        return [path for visitor in self.visitors for path in visitor.answered]

    @property
    def failed(self) -> list[str]:
        """All others."""
        return [path for visitor in self.visitors for path in visitor.failed]

    def _run(self, visitors: list[Visitor]) -> None:
        while not self._stopping.is_set():
            for visitor in visitors:
                visitor.view()
                time.sleep(_PAUSE)
        for visitor in visitors:
            visitor.leave()
