"""What of a site's figures anybody may see: a public dashboard, the same in a frame on the site's pages, and a badge.

All of it is off until an admin turns it on.
"""

from collections.abc import Mapping
from sqlite3 import Connection
from typing import Final, Literal, get_args

import msgspec

from prisme.access import audit
from prisme.access.grants import STATS, AccessError, Grant, NotFoundError
from prisme.access.shares import SHARE
from prisme.access.sites import SiteList
from prisme.base.domains import any_port, is_wildcard
from prisme.store.control import Control

# The query parameters of a public dashboard: the host of its site, and `1` where it is in a frame.
PUBLIC: Final = "public"
EMBED: Final = "embed"
# All that say who may see a page.
CREDENTIALS: Final = (SHARE, PUBLIC, EMBED)
_ACTOR: Final = "public:"
# The frames of a site and of its aliases: some 2 kB in a header, of which browsers and proxies take 8.
MOST_ALIASES: Final = 50
Kind = Literal["public", "embed", "badge"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Switches(msgspec.Struct, frozen=True):
    """What of a site is on."""

    public: bool = False
    embed: bool = False
    badge: bool = False


class Sharing:
    """The switches of all sites. Its methods read a file, so they must not run on the event loop.

    `changes` is the number of changes that were made here, so that caches notice them.
    """

    def __init__(self, control: Control, sites: SiteList) -> None:
        self._control = control
        self._sites = sites
        self.changes = 0

    def read(self, site: str) -> Switches:
        """The switches of a site by its name."""
        with self._control.read() as connection:
            return _read(connection, site)

    def switch(self, by: Grant, site: str, kind: str, on: bool, now: int) -> None:
        """Turn one of `KINDS` on or off. Raises NotFoundError or AccessError."""
        if kind not in KINDS:
            raise AccessError("{kind!r} is not one of {known}", kind=kind[:64], known=", ".join(KINDS))
        if is_wildcard(site):
            raise AccessError(
                "{site} stands for many sites: add the one that you want to share, then share it", site=site
            )
        with self._control.change() as connection:
            if self._sites.resolve(connection, site) != site:
                raise NotFoundError("{site} is not a site: add it first", site=site)
            connection.execute("INSERT OR IGNORE INTO sharing (site) VALUES (?)", (site,))
            connection.execute(f"UPDATE sharing SET {kind} = ? WHERE site = ?", (int(on), site))  # noqa: S608  # of KINDS
            audit.record(connection, now, by, f"site.{kind}.{'on' if on else 'off'}", site)
        self.changes += 1

    def find(self, host: str, kind: Kind) -> str:
        """The site of a host or alias for which that is on; empty for none."""
        with self._control.read() as connection:
            site = self._sites.resolve(connection, host)
            return site if site and getattr(_read(connection, site), kind) else ""

    def find_grant(self, query: Mapping[str, str]) -> Grant | None:
        """What the parameters of a public dashboard allow, None for nothing: to read the figures of its site."""
        site = self.find(query.get(PUBLIC, ""), "embed" if EMBED in query else "public")
        is_valid = query.get(EMBED, "1") == "1"
        return Grant(_ACTOR + site, "", frozenset((STATS,)), (any_port(site),)) if site and is_valid else None

    def hosts(self, site: str) -> list[str]:
        """The host of a site, and its first aliases."""
        with self._control.read() as connection:
            return [site, *self._sites.aliases_of(connection, site)[:MOST_ALIASES]]


def public_site(grant: Grant) -> str:
    """The site whose public dashboard a grant is for; empty for any other grant."""
    return grant.actor.removeprefix(_ACTOR) if grant.actor.startswith(_ACTOR) else ""


def credentials(parameters: Mapping[str, str]) -> dict[str, str]:
    """Those parameters of a page that say who may see it: all its links and forms pass them on."""
    return {name: parameters[name] for name in CREDENTIALS if parameters.get(name)}


def _read(connection: Connection, site: str) -> Switches:
    row = connection.execute("SELECT public, embed, badge FROM sharing WHERE site = ?", (site,)).fetchone()
    return Switches(*map(bool, row)) if row else Switches()
