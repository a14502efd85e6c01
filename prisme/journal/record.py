"""The journal's format: one JSON line (ndjson.org) per event. `store/load.sql` reads it and has to match."""

from collections.abc import Callable, Sequence

import msgspec

from prisme.base.events import Session


class PageviewLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="pageview"):
    """A pageview, whose time and path are the session's `exit` and `exit_path`.

    In all lines, `session` is the state after the event. `device_hash`, in JSON `device`, is None if the session is not
    kept in memory.
    """

    device_hash: int | None = msgspec.field(name="device")
    session: Session


class CustomLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="custom"):
    """A custom event on the page `path`, at the time `exit` of the session.

    `properties` is the JSON text exactly as it was received.
    """

    device_hash: int | None = msgspec.field(name="device")
    session: Session
    path: str
    name: str
    properties: str


class DownloadLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="download"):
    """A download of the file at `url`."""

    device_hash: int | None = msgspec.field(name="device")
    session: Session
    path: str
    url: str


class OutboundLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="outbound"):
    """A click on a link to `url` on another site."""

    device_hash: int | None = msgspec.field(name="device")
    session: Session
    path: str
    url: str


Line = PageviewLine | CustomLine | DownloadLine | OutboundLine

# Encodes a list of lines as JSON, including line feeds.
encode: Callable[[Sequence[Line]], bytes] = msgspec.json.Encoder().encode_lines
