"""The open sessions, in memory, by device. It remembers and forgets; what a session is, others decide."""

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from prisme.base.events import NO_UTM, Session
from prisme.runtime.metrics import Histogram

# Small dicts grow and are swept in well under a millisecond each, where one of a million entries
# would hold the event loop for some 40 ms whenever it doubles.
SHARDS = 256  # a power of two
# About 600 bytes a session: 80 MB. A site with more visitors a day forgets the oldest first.
CAPACITY = 131_072
# A session whose texts are longer takes the place of several: a path may have 24 kB, and what a client sends is its
# own choice. 131,072 of the longest would be 4 GB; so they are 0.23 GB at most.
_TEXT_BITS = 7
_PAGEVIEWS = (1, 2, 3, 5, 10, 20, 50, 100)


class Counts:
    """What happened since the start; `pageviews` is of sessions that ended."""

    def __init__(self) -> None:
        self.inserted = 0
        self.expired = 0
        self.devices_inserted = 0
        self.devices_deleted = 0
        self.cycles = 0
        self.pageviews = Histogram(_PAGEVIEWS)


# Most devices have one session, which stands for itself: a tuple would be 48 bytes more.
_Held = Session | tuple[Session, ...]
_active = attrgetter("active")


class Sessions:
    """At most `per_device` sessions a device, each until `ttl` microseconds pass without an event."""

    def __init__(self, ttl: int, per_device: int, capacity: int = CAPACITY) -> None:
        self._ttl = ttl
        self._per_device = per_device
        self._shard_capacity = max(1, capacity // SHARDS)
        # A device is `key * SHARDS + index`: without the last 8 of its 64 bits it takes 16 bytes less.
        self._shards: list[dict[int, _Held]] = [{} for _ in range(SHARDS)]
        self._counts = [0] * SHARDS
        self._weights = [0] * SHARDS
        self._next_sweep = 0
        self.counts = Counts()

    def __len__(self) -> int:
        return sum(self._counts)

    def at(self, device: int, path: str, now: int) -> Session | None:
        """The device's open session whose latest path is `path`; the least recently active, where several match."""
        held = self._shards[device % SHARDS].get(device // SHARDS)
        if held is None:
            return None
        if isinstance(held, Session):
            return held if held.latest == path and now - held.active < self._ttl else None
        those = [session for session in self._alive(held, now) if session.latest == path]
        return min(those, key=_active, default=None)

    def newest(self, device: int, now: int) -> Session | None:
        """The device's most recently active open session."""
        return max(self._alive(self._of(device % SHARDS, device // SHARDS), now), key=_active, default=None)

    def has_room(self, device: int, now: int) -> bool:
        """Whether the device may have one more session."""
        held = self._shards[device % SHARDS].get(device // SHARDS)
        return held is None or len(self._alive(_each(held), now)) < self._per_device

    def put(self, device: int, session: Session) -> tuple[Session, ...]:
        """Remember a session (see `has_room`); returns the sessions forgotten in its place, mostly none."""
        index, key = device % SHARDS, device // SHARDS
        shard = self._shards[index]
        weight = _weigh(session)
        forgotten: tuple[Session, ...] = ()
        while self._weights[index] + weight > self._shard_capacity and shard:
            forgotten += self._forget_oldest(index)
        self._weights[index] += weight
        self.counts.inserted += 1
        if key in shard:
            self._set(index, key, (*self._alive(self._of(index, key), session.active), session))
        else:
            shard[key] = session
            self._counts[index] += 1
            self.counts.devices_inserted += 1
        return forgotten

    def replace(self, device: int, old: Session, new: Session) -> None:
        """Put a session's new state in place of its old one; nothing where the old one is not there any more."""
        index, key = device % SHARDS, device // SHARDS
        shard = self._shards[index]
        held = shard.get(key)
        if len(new.latest) >> _TEXT_BITS != len(old.latest) >> _TEXT_BITS or new.visitor != old.visitor:
            self._weigh_anew(index, key, old, new)
        elif held is old:
            shard[key] = new
        elif held is not None and not isinstance(held, Session):
            shard[key] = tuple(new if one is old else one for one in held)

    def sweep(self, now: int) -> None:
        """Drop the expired sessions of one shard; the next call takes the next shard."""
        index = self._next_sweep
        self._next_sweep = (index + 1) % SHARDS
        for key, held in list(self._shards[index].items()):
            sessions = _each(held)
            alive = self._alive(sessions, now)
            if alive is not sessions:
                self._set(index, key, alive)
        self.counts.cycles += 1

    def _of(self, index: int, key: int) -> tuple[Session, ...]:
        held = self._shards[index].get(key)
        return () if held is None else _each(held)

    def _alive(self, sessions: tuple[Session, ...], now: int) -> tuple[Session, ...]:
        if all(now - session.active < self._ttl for session in sessions):
            return sessions
        return tuple(session for session in sessions if now - session.active < self._ttl)

    def _weigh_anew(self, index: int, key: int, old: Session, new: Session) -> None:
        """The rare way of `replace`. A restart may bring back what is forgotten here."""
        present = self._of(index, key)
        if any(one is old for one in present):
            self._shards[index][key] = _hold(tuple(new if one is old else one for one in present))
            self._weights[index] += _weigh(new) - _weigh(old)
        while self._weights[index] > self._shard_capacity and len(self._shards[index]) > 1:
            self._forget_oldest(index)

    def _forget_oldest(self, index: int) -> tuple[Session, ...]:
        """Forget the shard's oldest device."""
        key = next(iter(self._shards[index]))
        forgotten = self._of(index, key)
        self._set(index, key, ())
        return forgotten

    def _set(self, index: int, key: int, sessions: tuple[Session, ...]) -> None:
        """Other sessions for a device that has some; none for one that ended."""
        shard, before = self._shards[index], self._of(index, key)
        self._counts[index] += len(sessions) - len(before)
        ended = [session for session in before if session not in sessions]
        self._weights[index] -= sum(map(_weigh, ended))
        self._end(ended)
        if sessions:
            shard[key] = _hold(sessions)
        else:
            self.counts.devices_deleted += 1
            del shard[key]

    def _end(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            self.counts.expired += 1
            self.counts.pageviews.observe(session.pageviews)


def _each(held: _Held) -> tuple[Session, ...]:
    return (held,) if isinstance(held, Session) else held


def _hold(sessions: tuple[Session, ...]) -> _Held:
    return sessions[0] if len(sessions) == 1 else sessions


def _weigh(session: Session) -> int:
    """As how many sessions it counts. `replace` relies on it: only a new path or a new visitor id changes it."""
    texts = len(session.domain) + len(session.referrer) + len(session.visitor) + len(session.client.device)
    if session.utm is not NO_UTM:
        texts += sum(map(len, msgspec.structs.astuple(session.utm)))
    paths = (len(session.latest) >> _TEXT_BITS) + (len(session.entry_path) >> _TEXT_BITS)
    return 1 + paths + (texts >> _TEXT_BITS)
