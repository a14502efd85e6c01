"""Annotations: notes on the days or moments of a site's chart, such as a deployment, written by hand or by programs."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from sqlite3 import Connection
from typing import Final

import msgspec

from prisme.access.grants import ADMIN, ANNOTATE, AccessError, Grant, NotFoundError, parse_domain
from prisme.access.sites import SiteList
from prisme.base import timexpr
from prisme.base.domains import allows, is_wildcard
from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.store.control import Control

MAX_TEXT: Final = 200
MAX_OF_SITE: Final = 1000
# With 300 bytes each, 30 MB.
_MAX_OF_ALL: Final = 100_000
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A day begins somewhere up to 14 hours before it does in UTC, and ends as much later.
_ZONES: Final = 86_400
_FIND: Final = (
    "SELECT id, domain, at, day, text, creator FROM annotations "
    "WHERE domain IN (SELECT value FROM json_each(?)) AND at >= ? - (day <> '') * ? AND at < ? + (day <> '') * ? "
    "ORDER BY at DESC, id DESC LIMIT ?"
)


class Annotation(msgspec.Struct, frozen=True):
    """`at` is in Unix seconds; `day`, such as `2026-11-03`, is that day in every time zone, and empty for a moment.

    `creator` wrote it, such as `user:ada` or `token:7`.
    """

    id: int
    domain: str
    at: int
    day: str
    text: str
    creator: str

    @property
    def time(self) -> str:
        """The day, or the moment as RFC 3339."""
        return self.day or datetime.fromtimestamp(self.at, UTC).isoformat().replace("+00:00", "Z")


class Annotations:
    """The annotations of all sites. Its methods read a file, so they must not run on the event loop.

    They are not in the audit log, each has its creator instead: a program could displace all other changes there.
    """

    def __init__(self, control: Control, sites: SiteList) -> None:
        self._control = control
        self._sites = sites

    def add(self, by: Grant, domain: str, text: str, now: int, time: str = "") -> Annotation:
        """Add a note to a site at a time: a day, a moment as in `timexpr.parse`, or now. Raises AccessError."""
        domain, text = parse_domain(domain), text.strip()
        at, day = _read_time(time.strip(), now)
        if not 0 < len(text) <= MAX_TEXT or not text.isprintable():
            raise AccessError("an annotation has a text of 1 to {most} characters in one line", most=MAX_TEXT)
        if is_wildcard(domain):
            raise AccessError("{domain} stands for many sites: name one", domain=domain)
        with self._control.change() as connection:
            site = self._sites.canonical(connection, domain)
            if not may_annotate(by, site):
                raise AccessError("you do not have access to {site}", site=site)
            if not self._sites.is_registered(connection, site):
                raise AccessError("{site} is not a site: add it first", site=site)
            _check_room(connection, site)
            id_ = connection.execute(
                "INSERT INTO annotations (domain, at, day, text, created, creator) VALUES (?, ?, ?, ?, ?, ?)",
                (site, at, day, text, now, by.actor),
            ).lastrowid
        return Annotation(id_ or 0, site, at, day, text, by.actor)

    def remove(self, by: Grant, id_: int) -> None:
        """Delete an annotation. Raises NotFoundError, also for one of a site that is not the holder's."""
        with self._control.change() as connection:
            row = connection.execute("SELECT domain FROM annotations WHERE id = ?", (id_,)).fetchone()
            if row is None or not may_annotate(by, row[0]):
                raise NotFoundError("there is no annotation {id}", id=id_)
            connection.execute("DELETE FROM annotations WHERE id = ?", (id_,))

    def find(self, domains: Sequence[str], start: int, end: int, most: int) -> list[Annotation]:
        """The latest annotations of some domains from `start` to before `end` (Unix seconds), the newest first.

        Those of a day are found if it may begin in that span in any time zone.
        """
        names = msgspec.json.encode(domains).decode()
        with self._control.read() as connection:
            rows = connection.execute(_FIND, (names, start, _ZONES, end, _ZONES, most)).fetchall()
        return [Annotation(*row) for row in rows]

    def list(self, by: Grant, domain: str = "") -> list[Annotation]:
        """The latest annotations that the holder may see, of one domain or of all, the newest first."""
        with self._control.read() as connection:
            known = [name for (name,) in connection.execute("SELECT DISTINCT domain FROM annotations")]
            wanted = self._sites.canonical(connection, parse_domain(domain)) if domain else ""
        if wanted and by.domains is not None and not allows(by.domains, wanted):
            raise AccessError("you do not have access to {site}", site=wanted)
        allowed = [name for name in known if by.domains is None or allows(by.domains, name)]
        return self.find([name for name in allowed if wanted in ("", name)], 0, 2**40, MAX_OF_SITE)


def may_annotate(grant: Grant, domain: str) -> bool:
    """Whether the holder may write and delete annotations of a domain."""
    return not grant.scopes.isdisjoint((ANNOTATE, ADMIN)) and (grant.domains is None or allows(grant.domains, domain))


def _read_time(text: str, now: int) -> tuple[int, str]:
    """The moment in Unix seconds, and the day if it is one. Raises AccessError."""
    try:
        at = timexpr.parse(text, now * SECOND, UTC) // SECOND if text else now
        return at, date.fromisoformat(text).isoformat() if _DAY.fullmatch(text) else ""
    except InputError as error:
        raise AccessError(error.text, **error.values) from error


def _check_room(connection: Connection, site: str) -> None:
    (own,) = connection.execute("SELECT count(*) FROM annotations WHERE domain = ?", (site,)).fetchone()
    if own >= MAX_OF_SITE:
        raise AccessError(
            "{site} already has {most} annotations, the maximum: delete some first", site=site, most=MAX_OF_SITE
        )
    (everything,) = connection.execute("SELECT count(*) FROM annotations").fetchone()
    if everything >= _MAX_OF_ALL:
        raise AccessError("there are already {most} annotations, the maximum: delete some first", most=_MAX_OF_ALL)
