"""One event, one JSON line (ndjson.org): what `store/load.sql` reads back. The two change together."""

import msgspec

from prisme.base.events import Session


class PageviewLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="pageview"):
    """A pageview and the state of its session after it; no `device` where the session is not remembered."""

    device: int | None
    session: Session


class CopyLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="copy"):
    """A session that is remembered but not stored: a reload or a second tab, real with its next pageview."""

    device: int
    session: Session


class CustomLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="custom"):
    """A custom event, at `at` (microseconds). `properties` is the JSON object's own text, kept to the byte."""

    device: int
    session: Session
    at: int
    name: str
    properties: str


class DownloadLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="download"):
    """A file that was downloaded."""

    device: int
    session: Session
    at: int
    url: str


class OutboundLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="outbound"):
    """A link to elsewhere that was followed."""

    device: int
    session: Session
    at: int
    url: str


class SessionName(msgspec.Struct, frozen=True, gc=False):
    """A session by its id alone."""

    uuid: str


class ForgetLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="forget"):
    """A session that memory had no room for any more."""

    session: SessionName


Line = PageviewLine | CopyLine | CustomLine | DownloadLine | OutboundLine | ForgetLine

_encoder = msgspec.json.Encoder()


def encode(*lines: Line) -> bytes:
    """The lines' bytes, line feeds included."""
    return _encoder.encode_lines(lines)
