"""Sites: those of the option `origins`, and those that were added since, with their aliases, in the control database.

The running server takes changes over without a restart (`web/site_registry.py`).
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Final, Literal, NamedTuple

import msgspec

from prisme.access import audit, goals
from prisme.access.grants import AccessError, Grant, NotFoundError
from prisme.base.domains import host_of, is_wildcard
from prisme.store.control import Control
from prisme.visit.origins import Hosts, OriginError, parse_entry

# Of 64 bytes on average, these take some 3 MB in memory; to read all of them again after a change takes 20 ms.
_MAX_SITES: Final = 10_000
_MAX_ALIASES: Final = 10_000
Source = Literal["options", "added"]


class Alias(msgspec.Struct, frozen=True):
    """Pages on `host` count as pages on `site`."""

    host: str
    site: str
    source: Source


class Site(msgspec.Struct, frozen=True):
    """`name` is a host, or `*.example.com` for all subdomains.

    `created` (Unix seconds) and `creator`, such as `user:ada` or `cli:root`, are only known of those that were added.
    """

    name: str
    source: Source
    created: int | None = None
    creator: str = ""
    aliases: tuple[Alias, ...] = ()

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all subdomains of a domain."""
        return is_wildcard(self.name)


class Registered(NamedTuple):
    """All registered hosts, and all aliases with their sites. A later `revision` has the higher number."""

    revision: int
    hosts: Hosts
    aliases: dict[str, str]


class SiteList:
    """All sites; `origins` and `aliases` are the options. Changes raise AccessError if they are not possible."""

    def __init__(self, control: Control, origins: Sequence[str], aliases: Sequence[tuple[str, str]]) -> None:
        self._control = control
        self.set_options(origins, aliases)

    def set_options(self, origins: Sequence[str], aliases: Sequence[tuple[str, str]]) -> None:
        """Take other options over."""
        self._origins = tuple(dict.fromkeys(parse_entry(origin) for origin in origins))
        self._aliases = dict(aliases)

    def add(self, by: Grant, name: str, now: int, aliases: Iterable[str] = ()) -> Site:
        """Register a site with aliases, all or nothing. Raises AccessError."""
        name = _parse(name)
        with self._control.change() as connection:
            self._check_new(connection, name)
            connection.execute("INSERT INTO sites VALUES (?, ?, ?)", (name, now, by.actor))
            _stop_sharing(connection, name)  # what was on while the options had it
            audit.record(connection, now, by, "site.add", name)
            for alias in aliases:
                self._add_alias(connection, by, name, alias, now)
            _raise_revision(connection)
        return self.find(name)

    def remove(self, by: Grant, name: str, now: int) -> None:
        """Remove a site that was added, its aliases, goals and funnels; its figures stay.

        Raises NotFoundError or AccessError.
        """
        name = _parse(name)
        with self._control.change() as connection:
            if not connection.execute("DELETE FROM sites WHERE name = ?", (name,)).rowcount:
                raise self._explain_absence(name)
            _stop_sharing(connection, name)
            audit.record(connection, now, by, "site.remove", name)
            goals.delete_of_site(connection, name)
            hosts = self._read_hosts(connection)
            for alias, site in connection.execute("SELECT alias, site FROM aliases").fetchall():
                if site not in hosts:
                    _delete_alias(connection, by, alias, site, now)
            _raise_revision(connection)

    def change_aliases(
        self, by: Grant, site: str, now: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove aliases of a site, all or nothing. Raises NotFoundError or AccessError."""
        site = _parse(site)
        with self._control.change() as connection:
            if site not in self._read_hosts(connection) and not _has(connection, site):
                raise NotFoundError("{site} is not a site: add it first", site=site)
            for alias in map(_parse, remove):
                self._check_alias_of(connection, alias, site)
                _delete_alias(connection, by, alias, site, now)
            for alias in add:
                self._add_alias(connection, by, site, alias, now)
            _raise_revision(connection)

    def list(self) -> list[Site]:
        """All sites: those of the options first, then those that were added, by name."""
        with self._control.read() as connection:
            rows = connection.execute("SELECT name, created, creator FROM sites ORDER BY name").fetchall()
            added = connection.execute("SELECT alias, site FROM aliases ORDER BY alias").fetchall()
        sites = [Site(name, "options") for name in self._origins]
        sites += [Site(name, "added", created, creator) for name, created, creator in rows if name not in self._origins]
        aliases = [Alias(host, site, "options") for host, site in self._aliases.items()]
        aliases += [Alias(host, site, "added") for host, site in added if host not in self._aliases]
        return _assign(sites, aliases)

    def find(self, name: str) -> Site:
        """One site by its name, as in the list. Raises NotFoundError."""
        for site in self.list():
            if site.name == name:
                return site
        raise NotFoundError("there is no site {name!r}", name=name[:256])

    def resolve(self, connection: Connection, host: str) -> str:
        """The name of the site that a host is, or is an alias of; empty if there is none of that name."""
        try:
            host = parse_entry(host)
        except OriginError:
            return ""
        name = self._aliases.get(host) or _find_site(connection, host) or host
        is_site = name in self._origins or _has(connection, name)
        return name if is_site and not is_wildcard(name) else ""

    def canonical(self, connection: Connection, domain: str) -> str:
        """The domain as its events are stored: that of the site, if its host is an alias."""
        host = host_of(domain)
        site = self._aliases.get(host) or _find_site(connection, host)
        return site + domain[len(host) :] if site else domain

    def is_registered(self, connection: Connection, domain: str) -> bool:
        """Whether pages of a domain are counted, as a site of that name or by a wildcard."""
        return host_of(domain) in self._read_hosts(connection)

    def aliases_of(self, connection: Connection, site: str) -> tuple[str, ...]:
        """The aliases of a site, those of the options first."""
        rows = connection.execute("SELECT alias FROM aliases WHERE site = ? ORDER BY alias", (site,))
        of_options = (alias for alias, target in self._aliases.items() if target == site)
        return tuple(dict.fromkeys([*of_options, *(alias for (alias,) in rows)]))

    def read(self) -> Registered:
        """What is registered now."""
        with self._control.read() as connection:
            return self._read(connection)

    def read_if_changed(self, revision: int) -> Registered | None:
        """The same without waiting, or None if it has not changed since `revision`. Raises sqlite3.Error if locked."""
        with self._control.read(timeout=0) as connection:
            return None if _find_revision(connection) == revision else self._read(connection)

    def _read(self, connection: Connection) -> Registered:
        aliases = dict(connection.execute("SELECT alias, site FROM aliases").fetchall())
        return Registered(_find_revision(connection), self._read_hosts(connection), aliases | self._aliases)

    def _read_hosts(self, connection: Connection) -> Hosts:
        return Hosts.of_normal([*self._origins, *(name for (name,) in connection.execute("SELECT name FROM sites"))])

    def _check_new(self, connection: Connection, name: str) -> None:
        if name in self._origins:
            raise AccessError("{name} is a site already: the option origins has it", name=name)
        if _has(connection, name):
            raise AccessError("{name} is a site already: it was added before", name=name)
        site = self._aliases.get(name) or _find_site(connection, name)
        if site:
            raise AccessError("{name} is an alias of {site}: remove the alias first", name=name, site=site)
        if _count(connection, "sites") >= _MAX_SITES:
            raise AccessError("there are already {most} added sites, the maximum: remove some first", most=_MAX_SITES)

    def _add_alias(self, connection: Connection, by: Grant, site: str, alias: str, now: int) -> None:
        alias = _parse(alias)
        if fault := self._find_alias_fault(connection, alias, site):
            raise fault
        connection.execute("INSERT INTO aliases VALUES (?, ?, ?, ?)", (alias, site, now, by.actor))
        audit.record(connection, now, by, "site.alias.add", alias, site)

    def _find_alias_fault(self, connection: Connection, alias: str, site: str) -> AccessError | None:
        """Why `alias` cannot become an alias of `site`, and how to correct it; None if it can."""
        if "*" in alias + site:
            return AccessError("an alias and its site are single hosts: write them without *")
        if alias == site:
            return AccessError("{alias} cannot be an alias of itself", alias=alias)
        if known := self._aliases.get(alias):
            return AccessError(
                "{alias} is an alias of {site} already: the option aliases has it", alias=alias, site=known
            )
        if known := _find_site(connection, alias):
            return AccessError("{alias} is an alias of {site} already", alias=alias, site=known)
        if target := self._aliases.get(site) or _find_site(connection, site):
            return AccessError(
                "{site} is itself an alias: make {alias} an alias of {target}", site=site, alias=alias, target=target
            )
        if _has(connection, alias):
            return AccessError("{alias} is a site of its own: remove the site first; its figures stay", alias=alias)
        if (
            alias in self._aliases.values()
            or connection.execute("SELECT 1 FROM aliases WHERE site = ?", (alias,)).fetchone()
        ):
            return AccessError("{alias} has aliases of its own: remove them first", alias=alias)
        if _count(connection, "aliases") >= _MAX_ALIASES:
            return AccessError(
                "there are already {most} added aliases, the maximum: remove some first", most=_MAX_ALIASES
            )
        return None

    def _check_alias_of(self, connection: Connection, alias: str, site: str) -> None:
        if alias in self._aliases:
            raise AccessError(
                "{alias} is from the option aliases: remove it there, and reload the configuration", alias=alias
            )
        if _find_site(connection, alias) != site:
            raise NotFoundError("{alias} is not an alias of {site}", alias=alias, site=site)

    def _explain_absence(self, name: str) -> AccessError:
        if name in self._origins:
            return AccessError(
                "{name} is from the option origins: remove it there, and reload the configuration", name=name
            )
        return NotFoundError("there is no site {name}", name=name)


def _parse(text: str) -> str:
    try:
        return parse_entry(text)
    except OriginError as error:
        raise AccessError(error.text, **error.values) from error


def _assign(sites: list[Site], aliases: list[Alias]) -> list[Site]:
    """The sites with their aliases; a wildcard has those of the hosts that only it registers."""
    own: dict[str, list[Alias]] = {site.name: [] for site in sites}
    wildcards = [(name, Hosts([name])) for name in own if is_wildcard(name)]
    for alias in aliases:
        names = [name for host in (alias.site, alias.host) for name in (host, *_matching(wildcards, host))]
        for name in names:
            if name in own:
                own[name].append(alias)
                break
    return [msgspec.structs.replace(site, aliases=tuple(own[site.name])) for site in sites]


def _matching(wildcards: list[tuple[str, Hosts]], host: str) -> list[str]:
    return [name for name, hosts in wildcards if host in hosts]


def _has(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sites WHERE name = ?", (name,)).fetchone() is not None


def _find_site(connection: Connection, alias: str) -> str:
    """The site of an alias that was added, or nothing."""
    row = connection.execute("SELECT site FROM aliases WHERE alias = ?", (alias,)).fetchone()
    return row[0] if row else ""


def _delete_alias(connection: Connection, by: Grant, alias: str, site: str, now: int) -> None:
    connection.execute("DELETE FROM aliases WHERE alias = ?", (alias,))
    audit.record(connection, now, by, "site.alias.remove", alias, site)


def _stop_sharing(connection: Connection, site: str) -> None:
    connection.execute("DELETE FROM sharing WHERE site = ?", (site,))


def _count(connection: Connection, table: Literal["sites", "aliases"]) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # one of two names
    return int(count)


def _find_revision(connection: Connection) -> int:
    (number,) = connection.execute("SELECT number FROM site_revision").fetchone()
    return int(number)


def _raise_revision(connection: Connection) -> None:
    connection.execute("UPDATE site_revision SET number = number + 1")
