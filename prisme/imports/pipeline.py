"""From files to the frames that the operation `import` merges, with what is to be said about them."""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from prisme.base.domains import host_of
from prisme.base.uri import normalise_host
from prisme.imports.chunks import FigureChunk, VisitChunk
from prisme.imports.files import read_head
from prisme.imports.items import Figure, Item, Request, Visit
from prisme.imports.rule_of_visits import RuleOfVisits
from prisme.imports.storable import (
    BAD_TIME,
    NO_OBJECT,
    fault_of_figure,
    fault_of_visit,
    repair_row,
    without_surrogates,
)
from prisme.imports.tally import NOT_REGISTERED, Tally
from prisme.visit.sites import Sites

# Clocks of other machines may be ahead of ours.
_AHEAD: Final = 24 * 3600 * 1_000_000  # microseconds
_MOST_SITES: Final = 1000
_MOST_DAYS: Final = 100_000
_DAY: Final = 24 * 3600 * 1_000_000  # microseconds
_EPOCH: Final = datetime.date(1970, 1, 1)
_FIRST_LINES: Final = 8
# Also as the end of an IPv6 address, and with dashes, as in the names that providers give to addresses. Times, too.
_ADDRESS: Final = re.compile(
    rb"(?:[0-9a-fA-F]{0,4}:){0,7}\d{1,3}(?:[.-]\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"
)
IN_FUTURE: Final = "it is in the future"


class Found(msgspec.Struct):
    """What one pass over the files has found; `sites` are visits, or days of figures, by domain."""

    visits: int = 0
    pageviews: int = 0
    events: int = 0
    figures: int = 0
    first: int | None = None
    last: int | None = None
    sites: Counter[str] = msgspec.field(default_factory=Counter)
    days: set[int] = msgspec.field(default_factory=set)


# What a chunk has, and its lines.
Chunk = tuple[type[Visit] | type[Figure], bytes]


class Pipeline:
    """One pass; `is_own` is for exports of Prisme itself, which are taken whatever their sites are."""

    def __init__(
        self,
        rule: RuleOfVisits,
        sites: Sites,
        tally: Tally,
        now: int,
        is_own: bool,
    ) -> None:
        self.found = Found()
        self._rule = rule
        self._sites = sites
        self._tally = tally
        self._latest = now + _AHEAD
        self._latest_day = _EPOCH + datetime.timedelta(microseconds=self._latest)
        self._is_own = is_own
        self._visits = VisitChunk()
        self._figures = FigureChunk()

    def run(self, items: Iterable[Item | None]) -> Iterator[Chunk]:
        """The chunks of all items; at None, all that is there so far, also of visits that go on."""
        for item in items:
            if item is None:
                for visit in self._rule.changed():
                    self._put(visit)
                yield from self._take_rest()
            elif isinstance(item, Figure):
                if self._figures.is_full_before(item):
                    yield Figure, self._figures.take()
                self._check_figure(item)
            else:
                self._take(item)
                if self._visits.is_full:
                    yield Visit, self._visits.take()
        for visit in self._rule.flush():
            self._add_visit(visit)
            if self._visits.is_full:
                yield Visit, self._visits.take()
        yield from self._take_rest()

    def _take(self, item: Request | Visit) -> None:
        if isinstance(item, Visit):
            self._check_visit(item)
        elif not 0 <= item.at <= self._latest:
            self._tally.skip(IN_FUTURE if item.at > 0 else BAD_TIME)
        else:
            for visit in self._rule.take(item):
                self._add_visit(visit)

    def _take_rest(self) -> Iterator[Chunk]:
        """All chunks that have anything."""
        if chunk := self._visits.take():
            yield Visit, chunk
        if chunk := self._figures.take():
            yield Figure, chunk

    def _check_visit(self, visit: Visit) -> None:
        session = visit.session
        domain = session.domain if self._is_own else self._find_domain(session.domain)
        if session.exit > self._latest:
            self._tally.skip(IN_FUTURE)
        elif domain is None:
            self._tally.skip(NOT_REGISTERED)
        elif fault := fault_of_visit(visit, self._latest):
            self._tally.skip(fault)
        else:
            rows = [repair_row(row) for row in visit.rows]
            if faults := sum(new is not old for new, old in zip(rows, visit.rows, strict=True)):
                self._tally.skip(NO_OBJECT, faults)
            moved = session if domain == session.domain else msgspec.structs.replace(session, domain=domain)
            self._add_visit(Visit(moved, rows))

    def _check_figure(self, figure: Figure) -> None:
        domain = figure.domain if self._is_own else self._find_domain(figure.domain)
        if domain is None:
            self._tally.skip(NOT_REGISTERED)
            return
        if figure.day > self._latest_day:
            self._tally.skip(IN_FUTURE)
            return
        if fault := fault_of_figure(figure, self._latest_day):
            self._tally.skip(fault)
            return
        if domain != figure.domain:
            figure = msgspec.structs.replace(figure, domain=domain)
        found = self.found
        found.figures += 1
        if not figure.dimension:
            self._note_site(domain)
        self._note_day((figure.day - _EPOCH).days)
        at = (figure.day - _EPOCH).days * _DAY
        found.first = at if found.first is None else min(found.first, at)
        found.last = at if found.last is None else max(found.last, at)
        self._figures.add(figure)

    def _find_domain(self, domain: str) -> str | None:
        """The domain of the site; None where it is not registered."""
        written = host_of(domain)
        host = normalise_host(written)
        if host is None or not self._sites.is_registered(host):
            return None
        return self._sites.canonical(host) + domain[len(written) :]

    def _add_visit(self, visit: Visit) -> None:
        session, found = visit.session, self.found
        found.visits += 1
        found.pageviews += session.pageviews
        found.events += session.events
        found.first = session.entry if found.first is None else min(found.first, session.entry)
        found.last = session.exit if found.last is None else max(found.last, session.exit)
        self._note_site(session.domain)
        self._note_day(session.entry // _DAY)
        self._put(visit)

    def _put(self, visit: Visit) -> None:
        try:
            self._visits.add(visit)
        except UnicodeEncodeError:
            self._visits.add(without_surrogates(visit))

    def _note_site(self, domain: str) -> None:
        sites = self.found.sites
        if domain in sites or len(sites) < _MOST_SITES:
            sites[domain] += 1

    def _note_day(self, day: int) -> None:
        if len(self.found.days) < _MOST_DAYS:
            self.found.days.add(day)


def fingerprint(files: Sequence[Path], site: str, zone: str) -> str:
    """The same for the same files read in the same way, whatever they are called, also if they have grown since.

    It is made of what they begin with, without addresses. Raises OSError and InputError.
    """
    hashed = blake2b(f"{site} {zone}".encode(), digest_size=16)
    for path in files:
        for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if one.is_file():
                lines = read_head(one).splitlines()[:_FIRST_LINES]
                hashed.update(_ADDRESS.sub(b"", b"\n".join(lines)))
    return hashed.hexdigest()
