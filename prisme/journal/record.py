"""One event, one JSON line (ndjson.org): what `store/load.sql` reads back. The two change together."""

from collections.abc import Callable, Sequence

import msgspec

from prisme.base.events import Session


class PageviewLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="pageview"):
    """A pageview, at the session's `exit` and `exit_path`; `device` is None where the session is not remembered.

    `session` is the state after the line, here and below.
    """

    device: int | None
    session: Session


class CustomLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="custom"):
    """A custom event on the page `path`, at the session's `exit`.

    `properties` is the JSON object's own text, kept to the byte.
    """

    device: int | None
    session: Session
    path: str
    name: str
    properties: str


class DownloadLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="download"):
    """A file that was downloaded."""

    device: int | None
    session: Session
    path: str
    url: str


class OutboundLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="outbound"):
    """A link to another site that was followed."""

    device: int | None
    session: Session
    path: str
    url: str


Line = PageviewLine | CustomLine | DownloadLine | OutboundLine

# The bytes of a list of lines, line feeds included.
encode: Callable[[Sequence[Line]], bytes] = msgspec.json.Encoder().encode_lines
