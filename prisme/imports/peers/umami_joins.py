"""Joins Umami's tables by sorting them, and hands their events on: to sessions, to properties, to visits.

A table that is not there takes no sorting.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from prisme.imports.peers.sorting import Sorter, number_key, text_key
from prisme.imports.peers.umami_rows import Event, Seen
from prisme.imports.tally import Tally

# Of the properties of one event: the body of an event that Prisme records is no longer.
_MOST_CHARACTERS: Final = 65_536
TOO_LONG: Final = "rows that are too long"
_TABLE, _EVENT = b"0", b"1"


class Joined(msgspec.Struct, gc=False, array_like=True):
    """An event: its visit's id, empty where there is none, its own, its session's, its time, and its row's number.

    `data` has its properties by name, as JSON.
    """

    visit: str
    id: str
    session: str
    at: int
    number: int
    event: Event
    seen: Seen
    data: dict[str, str] = {}


_encode: Final = msgspec.json.Encoder().encode
_decode_joined: Final = msgspec.json.Decoder(Joined).decode
_decode_seen: Final = msgspec.json.Decoder(Seen).decode
_decode_property: Final = msgspec.json.Decoder(tuple[str, str]).decode


class Joins:
    """Takes rows in any order, and gives them joined. Close it at the end."""

    def __init__(self, folder: Path, tally: Tally, has_sessions: bool, has_properties: bool) -> None:
        self._tally = tally
        self._stack = ExitStack()
        self._by_session = self._stack.enter_context(Sorter(folder)) if has_sessions else None
        self._by_event = self._stack.enter_context(Sorter(folder)) if has_properties else None
        self._by_visit = self._stack.enter_context(Sorter(folder))

    def __enter__(self) -> "Joins":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_session(self, session: str, seen: Seen) -> None:
        """Add who a session was."""
        if self._by_session:
            self._by_session.add((text_key(session), _TABLE), _encode(seen))

    def add_property(self, event: str, name: str, value: str) -> None:
        """Add a property of an event: its value is JSON."""
        if self._by_event and event:
            self._by_event.add((text_key(event), _TABLE), _encode((name, value)))

    def add_event(self, one: Joined) -> None:
        """Add an event."""
        if self._by_session:
            self._add(self._by_session, (text_key(one.session), _EVENT), one)
        else:
            self._add_to_event(one)

    def take(self) -> Iterator[Joined]:
        """The events by their visit's id, and by their time; those without a visit come first."""
        if self._by_session:
            self._join_sessions(self._by_session)
            self._by_session.close()
        if self._by_event:
            self._join_properties(self._by_event)
            self._by_event.close()
        for row in self._by_visit.take(3):
            yield _decode_joined(row[3])

    def _join_sessions(self, rows: Sorter) -> None:
        seen, of = Seen(), b""
        for session, kind, payload in rows.take(2):
            if session != of:
                seen, of = Seen(), session
            if kind == _TABLE:
                seen = seen.fill(_decode_seen(payload))
            else:
                one = _decode_joined(payload)
                one.seen = one.seen.fill(seen)
                self._add_to_event(one)

    def _join_properties(self, rows: Sorter) -> None:
        data: dict[str, str] = {}
        of, left = b"", _MOST_CHARACTERS
        for event, kind, payload in rows.take(2):
            if event != of:
                data, of, left = {}, event, _MOST_CHARACTERS
            if kind == _TABLE:
                name, value = _decode_property(payload)
                left -= len(name) + len(value)
                if left >= 0:
                    data[name] = value
            else:
                one = _decode_joined(payload)
                one.data = data
                self._add_to_visit(one)

    def _add_to_event(self, one: Joined) -> None:
        if self._by_event:
            self._add(self._by_event, (text_key(one.id), _EVENT), one)
        else:
            self._add_to_visit(one)

    def _add_to_visit(self, one: Joined) -> None:
        self._add(self._by_visit, (text_key(one.visit), number_key(one.at), number_key(one.number)), one)

    def _add(self, sorter: Sorter, keys: Sequence[bytes], one: Joined) -> None:
        if not sorter.add(keys, _encode(one)):
            self._tally.skip(TOO_LONG)
