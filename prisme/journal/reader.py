"""What segments say of visits, for a start that cannot load them yet."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from prisme.base.events import Session


class _Line(msgspec.Struct, gc=False):
    session: Session
    device: int | None = None


_decode = msgspec.json.Decoder(_Line).decode


def read_visits(path: Path) -> Iterator[tuple[int, Session]]:
    """The states of visits that are remembered, with their devices, in the order of the lines.

    Lines that are torn, or of an earlier version, are passed over. Raises OSError.
    """
    with path.open("rb") as file:
        for text in file:
            try:
                line = _decode(text)
            except msgspec.MsgspecError:
                continue
            if line.device is not None:
                yield line.device, line.session
