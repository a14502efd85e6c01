"""An ingestion node learns of sites: it asks the server that has them, and goes on with what it knows without it."""

import logging
import re
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from prisme import __version__
from prisme.access import site_listing
from prisme.access.learned_sites import LearnedSites
from prisme.access.site_listing import ListingError
from prisme.runtime.clock import Now
from prisme.runtime.metrics import Gauge, Metric
from prisme.store.errors import StoreError
from prisme.web.outgoing import Outgoing, OutgoingError, Reply

PATH: Final = "/api/v1/sites"
# So that a new site is counted soon, and a list of 10,000 sites costs nothing that matters.
INTERVAL: Final = 30.0
# By how much of it an interval is longer or shorter, so that nodes that were started together do not stay together.
_SPREAD: Final = 0.2
_SECONDS: Final = 10.0
# 20,000 sites and as many aliases of 64 bytes are 4 MiB.
MOST_BYTES: Final = 16 << 20
# A stop waits this long for a request that it has cancelled, as the system may be looking a host up.
_STOP_SECONDS: Final = 1.0
# Of one outage; a server that answers something else each time does not fill the log.
_MOST_REASONS: Final = 10
_TOKEN: Final = re.compile(r"[!-~]{1,256}")
_ETAG: Final = re.compile(r'(?:W/)?"[!#-~]{1,128}"')


class Source(NamedTuple):
    """The server that has the sites, and the file with the token for it. Without a `url`, there is none."""

    url: str
    token_file: Path | None


class SiteLearner:
    """Asks at intervals, in a thread. `clock` gives Unix seconds, and `steady` nanoseconds that never go back; `vary`
    gives a random number between two.

    A failure is logged when it begins, once for each reason, and when it is over.
    """

    def __init__(
        self,
        learned: LearnedSites,
        source: Source,
        clock: Now,
        steady: Now,
        vary: Callable[[float, float], float],
        log: logging.Logger,
    ) -> None:
        self._learned = learned
        self._source = source
        self._clock = clock
        self._steady = steady
        self._vary = vary
        self._log = log
        self._thread = threading.Thread(target=self._run, name="sites", daemon=True)
        self._woken = threading.Event()
        self._is_closed = False
        self._request: Outgoing | None = None
        self._tls: ssl.SSLContext | None = None
        self._reasons: set[str] = set()
        self._has_asked = False
        self._succeeded = steady()

    def prepare(self) -> None:
        """Before events are accepted: ask if nothing is known; forget what is known if no server is asked any more."""
        if not (self._source.url and self._is_anything_known()):
            self.ask()

    def start(self) -> None:
        """Ask at once, if `prepare` has not, and at intervals from then on."""
        self._thread.start()

    def follow(self, source: Source) -> None:
        """Ask another server from now on."""
        before, self._source = self._source, source
        if source != before:
            self._cancel()
        self.wake()

    def wake(self) -> None:
        """Ask now."""
        self._woken.set()

    def close(self) -> None:
        """Ask no more."""
        self._is_closed = True
        self._woken.set()
        self._cancel()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def metrics(self) -> list[Metric]:
        """How old the list is."""
        return [
            Gauge(
                "sites_age_seconds",
                "Seconds since the server of sites_url has confirmed the list of sites, or since the start; else 0.",
                lambda: (self._steady() - self._succeeded) / 1e9 if self._source.url else 0.0,
            )
        ]

    def ask(self) -> None:
        """Ask once; what comes of it is logged."""
        source, self._has_asked = self._source, True
        try:
            change = self._learn(source) if source.url else self._forget()
        except (OutgoingError, ListingError, StoreError, sqlite3.Error) as error:
            if not self._is_closed and source == self._source:
                self._tell_failure(source.url, str(error))
            return
        self._succeeded = self._steady()
        if self._reasons and source.url:
            self._log.info("the list of sites is read from %s again", source.url)
        self._reasons.clear()
        if change:
            self._log.info("%s", change)

    def _cancel(self) -> None:
        """End the request that is under way."""
        if (request := self._request) is not None:
            request.cancel()

    def _run(self) -> None:
        if not self._has_asked:
            self.ask()
        while not self._is_closed:
            self._woken.wait(INTERVAL * self._vary(1 - _SPREAD, 1 + _SPREAD) if self._source.url else None)
            self._woken.clear()
            if not self._is_closed:
                try:
                    self.ask()
                except Exception:
                    self._log.exception("the list of sites cannot be asked for")

    def _learn(self, source: Source) -> str:
        """Ask, and store what is new; gives what to log of it, empty for nothing."""
        known = self._learned.find()
        headers = {
            "Authorization": f"Bearer {read_token(source.token_file)}",
            "Accept": "application/json",
            "User-Agent": f"prisme/{__version__}",
        }
        if known is not None and known.url == source.url and known.etag:
            headers["If-None-Match"] = known.etag
        reply = self._send(source.url + PATH, headers)
        if reply.status == 304 and "If-None-Match" in headers:
            return ""
        if reply.status != 200:
            raise OutgoingError(explain_status(reply, source))
        listing = site_listing.read(reply.body)
        etag = reply.headers.get("ETag", "")
        if self._is_closed or not self._learned.replace(
            source.url, etag if _ETAG.fullmatch(etag) else "", listing, self._clock()
        ):
            return ""
        counted = _count(len(listing.names), len(listing.sites_by_alias))
        return f"{source.url} has {counted}, which are counted here as well"

    def _send(self, url: str, headers: dict[str, str]) -> Reply:
        self._request = request = Outgoing(url, headers, _SECONDS, MOST_BYTES, self._make_tls)
        if self._is_closed:
            request.cancel()
        try:
            return request.send()
        except OutgoingError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                self._tls = None  # the authorities may be others the next time
            raise
        finally:
            self._request = None

    def _make_tls(self) -> ssl.SSLContext:
        """The system's authorities, which take some 25 ms to read."""
        self._tls = self._tls or ssl.create_default_context()
        return self._tls

    def _forget(self) -> str:
        known = self._learned.clear()
        if known is None:
            return ""
        return f"sites_url is empty: {_count(known.sites, known.aliases)} of {known.url} are forgotten"

    def _tell_failure(self, url: str, reason: str) -> None:
        if reason in self._reasons or len(self._reasons) >= _MOST_REASONS:
            return
        self._reasons.add(reason)
        self._log.warning("the list of sites cannot be read from %s: %s; %s", url, reason, self._describe_known())

    def _is_anything_known(self) -> bool:
        try:
            return self._learned.find() is not None
        except sqlite3.Error:
            return False

    def _describe_known(self) -> str:
        try:
            known = self._learned.find()
        except sqlite3.Error:
            return "what is known stays"
        if known is None:
            return "no sites of that server are known yet"
        day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(known.at))
        return f"{_count(known.sites, known.aliases)}, read at {day}, stay as they are"


def read_token(path: Path | None) -> str:
    """The token in a file. Raises OutgoingError."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip() if path else ""
    except OSError as error:
        raise OutgoingError(
            f"sites_token_file {path} cannot be read ({error.strerror}): give a file that this user can read"
        ) from error
    if not _TOKEN.fullmatch(text):
        raise OutgoingError(
            f"sites_token_file {path} has no token: write the one that `prisme token add NAME --scope sites` prints on "
            "that server"
        )
    return text


def explain_status(reply: Reply, source: Source) -> str:
    """What to correct after a response without a list."""
    make = f"create one there with `prisme token add NAME --scope sites`, and write it to {source.token_file}"
    match reply.status:
        case 401:
            return f"it does not know the token: {make}"
        case 403:
            return f"the token lacks the scope sites: {make}"
        case 301 | 302 | 303 | 307 | 308:
            target = re.sub(r"[^!-~]", "?", reply.headers.get("Location", ""))[:200]
            return f"it redirects to {target}, which is not followed: set sites_url to the server itself"
        case 404:
            return f'it has no {PATH}: correct the path of sites_url; is it a Prisme with mode = "default"?'
        case 429:
            return "it has had too many requests from this address (429): raise its api_stats_rate_limit"
    return f"it answers with status {reply.status}"


def _count(sites: int, aliases: int) -> str:
    return f"{sites} site{'' if sites == 1 else 's'} and {aliases} alias{'' if aliases == 1 else 'es'}"
