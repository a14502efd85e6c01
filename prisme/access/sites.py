"""Sites: those of the option `origins`, and those in the control database, with their aliases: those that were added
since, and on an ingestion node those that it has learned from another server (`access/learned_sites.py`).

Where they contradict each other, the options go first, then what was added, then what was learned. The running server
takes changes over without a restart (`web/site_registry.py`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Final, Literal, NamedTuple

import msgspec

from prisme.access import audit, goals, site_listing
from prisme.access.grants import AccessError, Grant, NotFoundError
from prisme.access.learned_sites import find_learned
from prisme.base.domains import host_of, is_wildcard
from prisme.store.control import Control
from prisme.visit.origins import Hosts, OriginError, parse_entry

# Of 64 bytes on average, these take some 3 MB in memory; to read all of them again after a change takes 20 ms.
_MAX_SITES: Final = 10_000
_MAX_ALIASES: Final = 10_000
Source = Literal["options", "added", "learned"]


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


class EncodedListing(NamedTuple):
    """What ingestion nodes learn, as JSON, with its `ETag`; the same as long as `state` is."""

    etag: bytes
    body: bytes
    state: object


class SiteList:
    """All sites; `origins` and `aliases` are the options. Changes raise AccessError if they are not possible."""

    def __init__(self, control: Control, origins: Sequence[str], aliases: Sequence[tuple[str, str]]) -> None:
        self._control = control
        self.set_options(origins, aliases)

    def set_options(self, origins: Sequence[str], aliases: Sequence[tuple[str, str]]) -> None:
        """Take other options over."""
        self._origins = dict.fromkeys(parse_entry(origin) for origin in origins)
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

    def remove(self, by: Grant, name: str, now: int) -> str:
        """Remove a site that was added, its aliases, goals and funnels; its figures stay.

        Gives the URL of the server that has it as well, for which it is still a site; empty if none has. Raises
        NotFoundError or AccessError.
        """
        name = _parse(name)
        with self._control.change() as connection:
            if not connection.execute("DELETE FROM sites WHERE name = ?", (name,)).rowcount:
                raise self._explain_absence(connection, name)
            _stop_sharing(connection, name)
            audit.record(connection, now, by, "site.remove", name)
            goals.delete_of_site(connection, name)
            hosts = self._read_hosts(connection)
            for alias, site in connection.execute("SELECT alias, site FROM aliases").fetchall():
                if site not in hosts:
                    _delete_alias(connection, by, alias, site, now)
            _raise_revision(connection)
            return _learned_from(connection) if _has(connection, name) else ""

    def change_aliases(
        self, by: Grant, site: str, now: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Add and remove aliases of a site, all or nothing. Raises NotFoundError or AccessError."""
        site = _parse(site)
        with self._control.change() as connection:
            is_site = site in self._read_hosts(connection) or _has(connection, site)
            # The aliases of a site that is no more can be removed.
            if not is_site and (add or not remove):
                raise NotFoundError("{site} is not a site: add it first", site=site)
            for alias in map(_parse, remove):
                self._check_alias_of(connection, alias, site)
                _delete_alias(connection, by, alias, site, now)
            for alias in add:
                self._add_alias(connection, by, site, alias, now)
            _raise_revision(connection)

    def list(self) -> list[Site]:
        """All sites: those of the options first, then the others, by name."""
        with self._control.read() as connection:
            rows = connection.execute("SELECT * FROM all_sites ORDER BY name").fetchall()
            stored = connection.execute("SELECT * FROM all_aliases ORDER BY alias").fetchall()
        sites = [Site(name, "options") for name in self._origins]
        for name, created, creator, is_learned in rows:
            if name not in self._origins and not (is_learned and name in self._aliases):
                sites.append(Site(name, "learned" if is_learned else "added", created, creator))
        aliases = [Alias(host, site, "options") for host, site in self._aliases.items()]
        for host, site, is_learned in stored:
            target = self._decide(host, site, is_learned)
            if target and host not in self._aliases:
                aliases.append(Alias(host, target, "learned" if is_learned else "added"))
        return _assign(sites, aliases)

    def learned_from(self) -> str:
        """The URL of the server from which sites were learned, empty if none were."""
        with self._control.read() as connection:
            return _learned_from(connection)

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
        name = self._find_site(connection, host) or host
        is_site = name in self._origins or _has(connection, name)
        return name if is_site and not is_wildcard(name) else ""

    def canonical(self, connection: Connection, domain: str) -> str:
        """The domain as its events are stored: that of the site, if its host is an alias."""
        host = host_of(domain)
        site = self._find_site(connection, host)
        return site + domain[len(host) :] if site else domain

    def is_registered(self, connection: Connection, domain: str) -> bool:
        """Whether pages of a domain are counted, as a site of that name or by a wildcard."""
        return host_of(domain) in self._read_hosts(connection)

    def aliases_of(self, connection: Connection, site: str) -> tuple[str, ...]:
        """The aliases of a site, those of the options first."""
        own = [alias for alias, target in self._aliases.items() if target == site]
        targets = msgspec.json.encode([site, *own]).decode()
        query = "SELECT * FROM all_aliases WHERE site IN (SELECT value FROM json_each(?)) ORDER BY alias"
        stored = [alias for alias, *rest in connection.execute(query, (targets,)) if self._decide(alias, *rest) == site]
        return tuple(dict.fromkeys([*own, *(alias for alias in stored if alias not in self._aliases)]))

    def encode_listing(self, previous: EncodedListing | None) -> EncodedListing:
        """What ingestion nodes learn: the previous one, if nothing has changed."""
        with self._control.read() as connection:
            state = (_find_revision(connection), tuple(self._origins), self._aliases)
            if previous is not None and previous.state == state:
                return previous
            registered = self._read(connection)
            names = [name for (name,) in connection.execute("SELECT name FROM all_sites ORDER BY name")]
        body = site_listing.write(list(dict.fromkeys([*self._origins, *names])), registered.aliases)
        # Of the content: after a restore, another list may have the same revision.
        etag = b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()
        return EncodedListing(etag, body, state)

    def read(self) -> Registered:
        """What is registered now."""
        with self._control.read() as connection:
            return self._read(connection)

    def read_if_changed(self, revision: int) -> Registered | None:
        """The same without waiting, or None if it has not changed since `revision`. Raises sqlite3.Error if locked."""
        with self._control.read(timeout=0) as connection:
            return None if _find_revision(connection) == revision else self._read(connection)

    def _read(self, connection: Connection) -> Registered:
        rows = connection.execute("SELECT * FROM all_aliases")
        aliases = {alias: site for alias, *rest in rows if (site := self._decide(alias, *rest))}
        return Registered(_find_revision(connection), self._read_hosts(connection), aliases | self._aliases)

    def _read_hosts(self, connection: Connection) -> Hosts:
        rows = connection.execute("SELECT name FROM all_sites")
        return Hosts.of_normal([*self._origins, *(name for (name,) in rows)])

    def _find_site(self, connection: Connection, alias: str) -> str:
        """The site of an alias; empty if it is none."""
        row = connection.execute("SELECT site, is_learned FROM all_aliases WHERE alias = ?", (alias,)).fetchone()
        return self._aliases.get(alias) or (self._decide(alias, *row) if row else "")

    def _decide(self, alias: str, site: str, is_learned: bool) -> str:
        """The site of an alias that is not from the options; empty if these decide otherwise of one that is learned."""
        if not is_learned:
            return site
        site = self._aliases.get(site, site)
        return "" if alias in self._origins or alias == site else site

    def _check_new(self, connection: Connection, name: str) -> None:
        if name in self._origins:
            raise AccessError("{name} is a site already: the option origins has it", name=name)
        if _has(connection, name):
            url = "" if _is_added(connection, name) else _learned_from(connection)
            if url:
                raise AccessError("{name} is a site already: it is from {url}", name=name, url=url)
            raise AccessError("{name} is a site already: it was added before", name=name)
        if site := self._find_site(connection, name):
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
        if known := self._find_site(connection, alias):
            return AccessError("{alias} is an alias of {site} already", alias=alias, site=known)
        if target := self._find_site(connection, site):
            return AccessError(
                "{site} is itself an alias: make {alias} an alias of {target}", site=site, alias=alias, target=target
            )
        if _has(connection, alias):
            return AccessError("{alias} is a site of its own: remove the site first; its figures stay", alias=alias)
        if self.aliases_of(connection, alias):
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
        if _is_learned_alias(connection, alias):
            raise AccessError("{alias} is from {url}: remove it there", alias=alias, url=_learned_from(connection))
        if self._find_site(connection, alias) != site:
            raise NotFoundError("{alias} is not an alias of {site}", alias=alias, site=site)

    def _explain_absence(self, connection: Connection, name: str) -> AccessError:
        if name in self._origins:
            return AccessError(
                "{name} is from the option origins: remove it there, and reload the configuration", name=name
            )
        if _has(connection, name):
            return AccessError("{name} is from {url}: remove it there", name=name, url=_learned_from(connection))
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
    return connection.execute("SELECT 1 FROM all_sites WHERE name = ?", (name,)).fetchone() is not None


def _is_added(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sites WHERE name = ?", (name,)).fetchone() is not None


def _is_learned_alias(connection: Connection, alias: str) -> bool:
    query = "SELECT 1 FROM all_aliases WHERE alias = ? AND is_learned"
    return connection.execute(query, (alias,)).fetchone() is not None


def _learned_from(connection: Connection) -> str:
    learned = find_learned(connection)
    return learned.url if learned else ""


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
