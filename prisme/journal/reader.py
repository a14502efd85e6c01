"""Reads the states of visits from segments, for a startup that cannot load them into the database yet."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from prisme.base.events import Session


class _Line(msgspec.Struct, gc=False):
    session: Session
    device_hash: int | None = msgspec.field(default=None, name="device")


_decode = msgspec.json.Decoder(_Line).decode


def read_visits(path: Path) -> Iterator[tuple[int, Session]]:
    """The devices and states of visits that are kept in memory, in the order of the lines.

    Torn lines and lines of earlier versions are skipped. Raises OSError.
    """
    with path.open("rb") as file:
        for text in file:
            try:
                line = _decode(text)
            except msgspec.MsgspecError:
                continue
            if line.device_hash is not None:
                yield line.device_hash, line.session


def read_first_state(path: Path) -> Session | None:
    """The state of a visit in the first line that is an event; None without one. Raises OSError."""
    with path.open("rb") as file:
        for text in file:
            try:
                return _decode(text).session
            except msgspec.MsgspecError:
                continue
    return None
