"""The open visits, in memory, by device. Which visit an event belongs to is decided elsewhere (`ingest`)."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import chain
from operator import attrgetter

import msgspec

from prisme.base.events import NO_UTM, Session
from prisme.runtime.metrics import Counter, Distribution, Histogram, Metric

# Small dicts grow and are swept in well under a millisecond each, where one of a million entries
# would hold the event loop for some 40 ms whenever it doubles.
SHARDS = 256  # a power of two
# About 600 bytes a visit: 80 MB. A site with more visitors in half an hour drops the oldest first.
CAPACITY = 131_072
# The pages of a visit that are kept, so that a link in an older tab continues it.
PAGES = 8
# The longest that a visit lasts.
LONGEST = 24 * 3600 * 1_000_000  # microseconds
# A visit whose texts are longer takes the place of several: a path may have 24 kB, and what a client sends is its
# own choice. 131,072 of the longest would be 30 GB; so they are 0.23 GB at most.
_TEXT_BITS = 7
_SHORT = 1 << _TEXT_BITS
_PAGEVIEWS = (1, 2, 3, 5, 10, 20, 50, 100)


class Visit(msgspec.Struct, frozen=True, gc=False):
    """An open visit: its state, the paths before `exit_path` (newest first), and how many visits' memory it takes."""

    session: Session
    earlier: tuple[str, ...]
    weight: int

    def go_on(self, session: Session) -> "Visit":
        """The visit in its next state."""
        before, earlier = self.session, self.earlier
        path, left = session.exit_path, before.exit_path
        if not before.pageviews:
            return begin(session)
        if path != left:
            earlier = (left, *[one for one in earlier if one != path])[: PAGES - 1] if earlier else (left,)
        if self.weight == 1 and len(path) < _SHORT and session.visitor == before.visitor:
            return Visit(session, earlier, 1)
        return begin(session, earlier)


def begin(session: Session, earlier: tuple[str, ...] = ()) -> Visit:
    """A visit with the memory that it takes."""
    return Visit(session, earlier, _weigh(session, earlier))


def new_id(now: int, noise: int) -> str:
    """The id of a visit: a UUIDv7 (RFC 9562, section 5.7), so that the store finds it by its time alone.

    `now` is in microseconds since 1970, `noise` has 62 random bits. `rand_a` holds the part of the millisecond that
    has passed (section 6.2, method 3), so that ids of one millisecond sort by their time as well.
    """
    tail = f"{0b10 << 62 | noise:016x}"
    return f"{_head(now)}-{tail[:4]}-{tail[4:]}"


@lru_cache(maxsize=1)  # what comes together has one time
def _head(now: int) -> str:
    milliseconds, rest = divmod(now, 1000)
    time = f"{milliseconds:012x}"
    return f"{time[:8]}-{time[8:]}-7{rest * 4096 // 1000:03x}"


class Counts:
    """What happened since the start; `pageviews` is of visits that ended, `displaced` are some of the `expired`."""

    def __init__(self) -> None:
        self.inserted = 0
        self.expired = 0
        self.displaced = 0
        self.devices_inserted = 0
        self.devices_deleted = 0
        self.cycles = 0
        self.pageviews = Histogram(_PAGEVIEWS)

    def metrics(self) -> list[Metric]:
        """All counts."""
        return [
            Counter(
                "sessionstorage_sessions_total",
                "Sessions remembered and ended.",
                ("type",),
                lambda: {("inserted",): self.inserted, ("expired",): self.expired},
            ),
            Counter(
                "sessionstorage_displaced_total",
                "Sessions forgotten for want of room, which may have gone on.",
                (),
                lambda: {(): self.displaced},
            ),
            Counter(
                "sessionstorage_devices_total",
                "Devices remembered and forgotten.",
                ("type",),
                lambda: {("inserted",): self.devices_inserted, ("deleted",): self.devices_deleted},
            ),
            Distribution(
                "sessionstorage_sessions_pageviews", "Pageviews of ended sessions.", (), lambda: {(): self.pageviews}
            ),
            Counter("sessionstorage_gc_cycles_total", "Sweeps for ended sessions.", (), lambda: {(): self.cycles}),
        ]


_exit = attrgetter("session.exit")
# Most devices have one visit, without a tuple around it: that would be 48 bytes more.
_Held = Visit | tuple[Visit, ...]


class Sessions:
    """Visits. Each is open until `ttl` microseconds pass without a pageview or event, and for `LONGEST`.

    Those of a device are in the order of their last activity. Callers put at most `per_device` of them.
    """

    def __init__(self, ttl: int, per_device: int, capacity: int = CAPACITY) -> None:
        self._ttl = ttl
        self.per_device = per_device
        self._shard_capacity = max(1, capacity // SHARDS)
        # A device is `key * SHARDS + index`: without the last 8 of its 64 bits it takes 16 bytes less.
        self._shards: list[dict[int, _Held]] = [{} for _ in range(SHARDS)]
        self._counts = [0] * SHARDS
        self._weights = [0] * SHARDS
        self._next_sweep = 0
        self.counts = Counts()

    def __len__(self) -> int:
        return sum(self._counts)

    def find(self, device_hash: int, now: int) -> tuple[Visit, ...]:
        """The device's open visits, the latest one last."""
        held = self._shards[device_hash % SHARDS].get(device_hash // SHARDS)
        if held is None:
            return ()
        if isinstance(held, tuple):
            return self._alive(held, now)
        session = held.session
        return (held,) if session.exit > now - self._ttl and session.entry > now - LONGEST else ()

    def put(self, device_hash: int, visit: Visit, now: int) -> None:
        """Add a visit of a device, as its latest; the shard's oldest devices are dropped where memory is short."""
        index, key = device_hash % SHARDS, device_hash // SHARDS
        shard = self._shards[index]
        while self._weights[index] + visit.weight > self._shard_capacity and shard:
            self._forget_oldest(index)
        self._weights[index] += visit.weight
        self.counts.inserted += 1
        if key in shard:
            self._set(index, key, (*self._alive(self._of(index, key), now), visit))
        else:
            shard[key] = visit
            self._counts[index] += 1
            self.counts.devices_inserted += 1

    def replace(self, device_hash: int, old: Visit, new: Visit) -> None:
        """Replace a visit by its next state, as the latest; does nothing where `old` is no longer there."""
        index, key = device_hash % SHARDS, device_hash // SHARDS
        shard = self._shards[index]
        held = shard.get(key)
        if held is old:
            shard[key] = new
        elif isinstance(held, tuple) and any(one is old for one in held):
            shard[key] = (*[one for one in held if one is not old], new)
        else:
            return
        if new.weight != old.weight:
            self._weights[index] += new.weight - old.weight
            while self._weights[index] > self._shard_capacity and len(shard) > 1:
                self._forget_oldest(index)

    def take_back(self, device_hash: int, session: Session, before: Visit | None) -> None:
        """Undo a `put` or `replace`: the visit with this state is as it was before; without a `before`, it is gone.

        Does nothing where it is no longer there.
        """
        index, key = device_hash % SHARDS, device_hash // SHARDS
        visits = self._of(index, key)
        visit = next((one for one in visits if one.session is session), None)
        if visit is None:
            return
        self._weights[index] += (before.weight if before else 0) - visit.weight
        remaining = [one for one in visits if one is not visit]
        if before is not None:
            remaining = sorted([*remaining, before], key=_exit)
        else:
            self._counts[index] -= 1
            self.counts.inserted -= 1
        if remaining:
            self._shards[index][key] = remaining[0] if len(remaining) == 1 else tuple(remaining)
        else:
            del self._shards[index][key]
            self.counts.devices_inserted -= 1

    def rekey(self, old: int, device_hash: int, now: int) -> tuple[Visit, ...]:
        """Move the open visits of the device `old`, if any, to another hash. Returns all visits of that."""
        visits = self.find(old, now)
        if not visits:
            return ()
        index, key = old % SHARDS, old // SHARDS
        self._set(index, key, visits)  # counts those that are over
        self._weights[index] -= sum(one.weight for one in visits)
        self._counts[index] -= len(visits)
        del self._shards[index][key]
        self.counts.devices_deleted += 1
        self.counts.inserted -= len(visits)  # they are counted already
        for visit in visits:
            self.put(device_hash, visit, now)
        merged = tuple(sorted(self.find(device_hash, now), key=_exit))
        if len(merged) > 1:
            self._set(device_hash % SHARDS, device_hash // SHARDS, merged)
        return merged

    def sweep(self, now: int) -> None:
        """Drop the ended visits of one shard; the next call takes the next shard."""
        index = self._next_sweep
        self._next_sweep = (index + 1) % SHARDS
        for key, held in list(self._shards[index].items()):
            visits = (held,) if isinstance(held, Visit) else held
            alive = self._alive(visits, now)
            if alive is not visits:
                self._set(index, key, alive)
        self.counts.cycles += 1

    def forget(self, index: int, uuids: Collection[str]) -> None:
        """Drop visits of one shard, of the `SHARDS` there are: the next event of their devices begins new ones."""
        for key, held in list(self._shards[index].items()):
            visits = (held,) if isinstance(held, Visit) else held
            if any(one.session.uuid in uuids for one in visits):
                self._set(index, key, tuple(one for one in visits if one.session.uuid not in uuids))

    def clear(self, index: int) -> None:
        """Drop all visits of one shard."""
        for key in list(self._shards[index]):
            self._set(index, key, ())

    def _of(self, index: int, key: int) -> tuple[Visit, ...]:
        held = self._shards[index].get(key)
        return () if held is None else (held,) if isinstance(held, Visit) else held

    def _alive(self, visits: tuple[Visit, ...], now: int) -> tuple[Visit, ...]:
        active, begun = now - self._ttl, now - LONGEST
        for visit in visits:
            if visit.session.exit <= active or visit.session.entry <= begun:
                return tuple(one for one in visits if one.session.exit > active and one.session.entry > begun)
        return visits

    def _forget_oldest(self, index: int) -> None:
        """Drop the device that was added to the shard first."""
        key = next(iter(self._shards[index]))
        self.counts.displaced += len(self._of(index, key))
        self._set(index, key, ())

    def _set(self, index: int, key: int, visits: tuple[Visit, ...]) -> None:
        """Set the visits of a device that has some; without any, the device is removed."""
        shard, before = self._shards[index], self._of(index, key)
        self._counts[index] += len(visits) - len(before)
        remaining = set(map(id, visits))
        self._end(index, [one for one in before if id(one) not in remaining])
        if visits:
            shard[key] = visits[0] if len(visits) == 1 else visits
        else:
            self.counts.devices_deleted += 1
            del shard[key]

    def _end(self, index: int, visits: Iterable[Visit]) -> None:
        for visit in visits:
            self._weights[index] -= visit.weight
            self.counts.expired += 1
            self.counts.pageviews.observe(visit.session.pageviews)


def _weigh(session: Session, earlier: tuple[str, ...]) -> int:
    """How many visits' memory it takes, by the length of its texts. `go_on` relies on which of them may change."""
    texts = len(session.domain) + len(session.referrer) + len(session.visitor) + len(session.client.device)
    if session.utm is not NO_UTM:
        texts += sum(map(len, msgspec.structs.astuple(session.utm)))
    paths = sum(len(path) >> _TEXT_BITS for path in chain((session.exit_path, session.entry_path), earlier))
    return 1 + paths + (texts >> _TEXT_BITS)
