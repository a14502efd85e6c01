"""Makes visits of requests, by the rule by which events are recorded (`ingest`), with the times of the source.

Clients are known by their address and User-Agent, or by the source's own id, as long as a visit of theirs is open.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final, NoReturn

from msgspec.structs import astuple, replace

from prisme.base.events import NO_UTM, Client, Location, Place
from prisme.base.refusal import PAGE_UNKNOWN, Refusal
from prisme.imports.ids import visit_id, visitor_id_of_day
from prisme.imports.items import CUSTOM, OUTBOUND, PAGEVIEW, Request, Row, Visit
from prisme.imports.storable import LONGEST as LONGEST_TEXT
from prisme.imports.storable import NO_OBJECT, is_object
from prisme.imports.tally import NOT_REGISTERED, Tally
from prisme.ingest.action import Action
from prisme.ingest.custom import NO_PROPERTIES
from prisme.ingest.hit import Hit
from prisme.ingest.links import read_link, strip_secrets
from prisme.ingest.pageview import Pageview
from prisme.visit import address
from prisme.visit.address import Address
from prisme.visit.geo import UNKNOWN, Geo
from prisme.visit.sessions import CAPACITY, LONGEST, begin
from prisme.visit.sessions import Visit as OpenVisit
from prisme.visit.sites import Page, Sites
from prisme.visit.useragent import UserAgents

# A visit with more is over, so that a client that never stops takes a bounded part of the memory.
_MOST_ROWS: Final = 10_000
_MOST_WEIGHT: Final = 4 << 20  # bytes
# Of all open visits: those of the clients that were inactive the longest are over beyond that.
_MOST_BYTES: Final = 100 << 20
# What a visit, and a row, take in memory beside their texts.
_VISIT_BYTES: Final = 1000
_ROW_BYTES: Final = 150
# Of the latest visits, how many began alike.
_MOST_ALIKE: Final = 65_536
# Of a day; those who came first are forgotten beyond that, and get another id with their next visit.
_MOST_VISITORS: Final = 131_072
_MOST_DAYS: Final = 2
_DAY: Final = 24 * 3600 * 1_000_000  # microseconds
# Logs of servers that note when a request began are out of order by the longest request.
_LATE: Final = 120 * 1_000_000
_SLASHES_OF_HOST: Final = 2  # in https://example.com
_NO_HINTS: Final = (b"", b"", b"")
_NOBODY: Final = Address("", "", 0)


class _Open:
    """An open visit and its rows, of which so many were given before. `state` has the rule's own view of it.

    `weight` is about how many bytes it takes.
    """

    __slots__ = ("given", "rows", "state", "weight")

    def __init__(self, state: OpenVisit, row: Row) -> None:
        self.state = state
        self.rows = [row]
        self.given = 0
        self.weight = _VISIT_BYTES + _weigh(row)


class RuleOfVisits:
    """Takes requests roughly in the order of time, and gives visits once they are over.

    `inactive_ttl` is in microseconds, `namespace` tells the ids of one source from those of others.
    """

    def __init__(
        self,
        namespace: str,
        sites: Sites,
        user_agents: UserAgents,
        geo: Geo,
        tally: Tally,
        inactive_ttl: int,
        most_visits: int,
    ) -> None:
        self._namespace = namespace
        self._sites = sites
        self._user_agents = user_agents
        self._geo = geo
        self._tally = tally
        self._ttl = inactive_ttl
        self._most_visits = most_visits
        # By client, in the order of their last activity.
        # A plain dict would look at all that was deleted at its front, each time.
        self._open: OrderedDict[int, list[_Open]] = OrderedDict()
        self._count = 0
        self._weight = 0
        # By day, of the two days that lines were of last.
        self._visitors: OrderedDict[int, dict[int, str]] = OrderedDict()
        self._latest = 0
        # How many visits began alike at one moment, by a hash of how and when.
        self._alike: OrderedDict[int, int] = OrderedDict()

    def take(self, request: Request) -> list[Visit]:
        """Take a request; gives visits that are over now."""
        page = self._sites.pages[request.url.encode("utf-8", "replace")]
        if isinstance(page, Refusal):
            self._tally.skip(NOT_REGISTERED if page is PAGE_UNKNOWN else "the URL is not valid")
            return []
        read = self._read(request, page)
        if read is None:
            self._tally.skip("the link is not valid, or within the site")
            return []
        event, row = read
        at = request.at
        client = hash((request.visitor or (request.address, request.user_agent), page.domain))
        ended: list[Visit] = []
        held = self._find(client, at, ended)
        # A visit that begins later than a line that comes late is another one.
        near = tuple(one.state for one in held if one.state.session.entry < at + self._ttl)
        chosen = event.choose(near) if near else None
        if chosen is None:
            self._begin(client, held, event, row, request, page, ended)
        else:
            self._continue(client, held, chosen, event, row)
        if at >= self._latest:
            self._latest = at
            self._end_inactive(at, ended)
        return ended

    def flush(self) -> Iterator[Visit]:
        """All open visits, which are over then."""
        for held in self._open.values():
            for one in held:
                yield Visit(one.state.session, one.rows)
        self._open.clear()
        self._count = self._weight = 0

    def changed(self) -> Iterator[Visit]:
        """The open visits that have more rows than when they were last given here; they go on.

        Long ones only where they have a sixteenth more: each is stored again as a whole.
        """
        for held in self._open.values():
            for one in held:
                if len(one.rows) > one.given + one.given // 16:
                    one.given = len(one.rows)
                    yield Visit(one.state.session, list(one.rows))

    def _read(self, request: Request, page: Page) -> tuple[Pageview | Action, Row] | None:
        """The event by the rule, and its row; None for a link that does not count.

        A URL without any path is that of an event of which the page is not known.
        """
        hit = Hit(_NOBODY, page, b"", _NO_HINTS, request.url.count("/") > _SLASHES_OF_HOST)
        if request.kind == PAGEVIEW:
            referrer = self._sites.referrers[request.referrer.encode("utf-8", "replace")] if request.referrer else None
            status = request.status if 100 <= request.status <= 599 else 200
            view = Pageview(hit, None if isinstance(referrer, Refusal) else referrer, status, "")
            return view, Row(PAGEVIEW, request.at, page.path, status)
        if request.kind == CUSTOM:
            properties, name = request.properties, request.name[:LONGEST_TEXT]
            if not is_object(properties):
                self._tally.skip(NO_OBJECT)
                properties = NO_PROPERTIES
            return Action(hit, _no_line), Row(CUSTOM, request.at, page.path, 0, name, properties)
        link = read_link(request.name.encode("utf-8", "replace"))
        if isinstance(link, Refusal) or (request.kind == OUTBOUND and self._sites.canonical(link.host) == page.host):
            return None
        return Action(hit, _no_line), Row(request.kind, request.at, page.path, url=strip_secrets(link))

    def _find(self, client: int, at: int, ended: list[Visit]) -> list[_Open]:
        """The client's open visits, the latest one last; those that are over go to `ended`."""
        held = self._open.get(client)
        if held is None:
            return []
        alive = []
        for one in held:
            session = one.state.session
            is_small = len(one.rows) < _MOST_ROWS and one.weight < _MOST_WEIGHT
            if session.exit > at - self._ttl and session.entry > at - LONGEST and is_small:
                alive.append(one)
            else:
                ended.append(Visit(session, one.rows))
                self._weight -= one.weight
        if len(alive) < len(held):
            self._count -= len(held) - len(alive)
            if alive:
                self._open[client] = alive
            else:
                del self._open[client]
        return alive

    def _begin(
        self,
        client: int,
        held: list[_Open],
        event: Pageview | Action,
        row: Row,
        request: Request,
        page: Page,
        ended: list[Visit],
    ) -> None:
        software = self._find_software(request)
        if software is None:
            return
        at, location = request.at, self._find_location(request)
        campaign = "" if page.utm is NO_UTM else repr(page.utm)
        agent = request.user_agent  # tells more visits apart than what is stored of it
        parts = (page.domain, page.path, request.referrer, campaign, agent, *astuple(software), location.country)
        uuid = visit_id(at, self._namespace, *parts, self._number(at, parts))
        session = event.begin(uuid, at, self._find_visitor(client, at, uuid), software, location)
        opened = _Open(begin(session), row)
        if len(held) >= self._most_visits:
            ended.append(Visit(session, opened.rows))
            return
        self._put(client, [*held, opened])
        self._count += 1
        self._weight += opened.weight

    def _continue(self, client: int, held: list[_Open], chosen: OpenVisit, event: Pageview | Action, row: Row) -> None:
        one = next(one for one in held if one.state is chosen)
        # A line that comes late does not set the visit back, and is not before its entry.
        if row.at < chosen.session.entry:
            row = replace(row, at=chosen.session.entry)
        session = event.continue_(chosen.session, max(row.at, chosen.session.exit))
        one.state = chosen.go_on(session)
        is_known = isinstance(event, Pageview) or event.hit.page_known
        one.rows.append(row if is_known else replace(row, path=session.exit_path))
        weight = _weigh(row)
        one.weight += weight
        self._weight += weight
        self._put(client, held if held[-1] is one else [*(other for other in held if other is not one), one])

    def _put(self, client: int, held: list[_Open]) -> None:
        """Keep a client's visits, the one that was active latest last, as those of the latest client."""
        if len(held) > 1 and held[-2].state.session.exit > held[-1].state.session.exit:
            held.sort(key=_exit_of)
        self._open[client] = held
        self._open.move_to_end(client)

    def _find_software(self, request: Request) -> Client | None:
        """What the client runs; None for a bot."""
        if request.client is not None:
            return request.client
        reading = self._user_agents.read(request.user_agent.encode("utf-8", "replace"), *_NO_HINTS)
        if reading.is_bot:
            self._tally.skip("a bot, by its User-Agent")
            return None
        return reading.client

    def _find_location(self, request: Request) -> Location:
        if request.country or not request.address:
            place = Place(request.region, request.city) if request.region or request.city else None
            return Location(request.country or UNKNOWN, place)
        return self._geo.locate(address.parse(request.address))

    def _number(self, at: int, parts: tuple[str, ...]) -> str:
        """Tells visits apart that began alike at one moment, also where lines of other moments came in between."""
        key = hash((at, parts))
        number = self._alike.pop(key, -1) + 1
        self._alike[key] = number
        if len(self._alike) > _MOST_ALIKE:
            self._alike.popitem(last=False)
        return str(number)

    def _find_visitor(self, client: int, at: int, uuid: str) -> str:
        """The client's id of that day (UTC), made of its first visit."""
        day = at // _DAY
        known = self._visitors.get(day)
        if known is None:
            known = self._visitors[day] = {}
            if len(self._visitors) > _MOST_DAYS:
                self._visitors.popitem(last=False)
        self._visitors.move_to_end(day)
        visitor = known.get(client)
        if visitor is None:
            if len(known) >= _MOST_VISITORS:
                for oldest in list(islice(known, _MOST_VISITORS // 8)):
                    del known[oldest]
            visitor = known[client] = visitor_id_of_day(uuid)
        return visitor

    def _end_inactive(self, at: int, ended: list[Visit]) -> None:
        """End the visits of clients that did nothing for long, and the oldest where there are too many."""
        before = at - self._ttl - _LATE
        while self._open:
            client = next(iter(self._open))
            held = self._open[client]
            is_room = self._count <= CAPACITY and self._weight <= _MOST_BYTES
            if is_room and held[-1].state.session.exit > before:
                return
            del self._open[client]
            self._count -= len(held)
            self._weight -= sum(one.weight for one in held)
            ended += [Visit(one.state.session, one.rows) for one in held]


def _weigh(row: Row) -> int:
    """About how many bytes a row takes."""
    return _ROW_BYTES + len(row.path) + len(row.name) + len(row.properties) + len(row.url)


def _exit_of(one: _Open) -> int:
    return one.state.session.exit


def _no_line(*_: object) -> NoReturn:
    """What is imported never stands in the journal."""
    raise NotImplementedError
