"""Revisions of the Model Context Protocol: which one a message is of, and whether its headers say the same.

Up to 2025-11-25, `initialize` agrees on a revision, which a header repeats. Since 2026-07-28, each request says all by
itself, and headers repeat its method and the name of its tool. No request depends on one before it in either.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from prisme import __version__
from prisme.web.api.json_rpc import INVALID_PARAMS, Error, Message

MODERN: Final = "2026-07-28"
# Of requests without a header, which later revisions demand. It alone has batches.
WITHOUT_HEADER: Final = "2025-03-26"
NEGOTIATED: Final = ("2025-11-25", "2025-06-18", WITHOUT_HEADER, "2024-11-05")
SUPPORTED: Final = (MODERN, *NEGOTIATED)

HEADER_MISMATCH: Final = -32020
UNSUPPORTED: Final = -32022

HEADER: Final = "mcp-protocol-version"
METHOD: Final = "mcp-method"
NAME: Final = "mcp-name"
_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
_SERVER: Final = "io.modelcontextprotocol/serverInfo"
_ENCODED: Final = ("=?base64?", "?=")

SERVER_INFO: Final = {"name": "prisme", "title": "Prisme", "version": __version__}
_COMPLETE: Final = {"resultType": "complete", "_meta": {_SERVER: SERVER_INFO}}
# The same for everybody with the same token, until an upgrade.
_CACHEABLE: Final = {"ttlMs": 300_000, "cacheScope": "private"}
_CACHED: Final = ("server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list")


def find_revision(headers: Mapping[str, str], message: Message) -> str | Error:
    """The revision of a message, one of `SUPPORTED`, or why it has none."""
    header, told = headers.get(HEADER), _read_meta(message).get(_VERSION)
    if (header is None or header in NEGOTIATED) and told in (None, header):
        return header or WITHOUT_HEADER
    if header is not None and header not in SUPPORTED:
        data = {"supported": SUPPORTED, "requested": header}
        return Error(UNSUPPORTED, f"the revision {header[:64]!r} of the protocol is not supported", data)
    if message.id is None:
        return MODERN
    return _check_modern(headers, message) or MODERN


def negotiate(message: Message) -> str | Error:
    """The revision to agree on with an `initialize`: the one that it asks for, or the latest that has this method."""
    asked = message.params.get("protocolVersion")
    if not isinstance(asked, str):
        return Error(INVALID_PARAMS, "protocolVersion is missing: send the revision of the protocol, as a text")
    return asked if asked in NEGOTIATED else NEGOTIATED[0]


def complete(revision: str, method: str, result: dict[str, Any]) -> dict[str, Any]:
    """A result with all that its revision wants."""
    if revision != MODERN:
        return result
    return {**_COMPLETE, **result, **(_CACHEABLE if method in _CACHED else {})}


def _check_modern(headers: Mapping[str, str], message: Message) -> Error | None:
    """Why a request is not one of `MODERN`."""
    meta = _read_meta(message)
    missing = [key for key, kind in ((_VERSION, str), (_CAPABILITIES, dict)) if not isinstance(meta.get(key), kind)]
    if missing:
        return Error(INVALID_PARAMS, f"_meta has no {' and no '.join(missing)}, which {MODERN} demands")
    expected = {HEADER: meta[_VERSION], METHOD: message.method}
    if message.method == "tools/call" and isinstance(message.params.get("name"), str):
        expected[NAME] = message.params["name"]
    for name, value in expected.items():
        given = _decode_header(headers.get(name, "")) if name == NAME else headers.get(name)
        if given != value:
            return Error(HEADER_MISMATCH, f"the header {name} is missing, or is not what the body says")
    return None


def _read_meta(message: Message) -> dict[str, Any]:
    meta = message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _decode_header(text: str) -> str | None:
    """The text of a header that may be encoded; None if it is damaged."""
    start, end = _ENCODED
    if not (text.startswith(start) and text.endswith(end)):
        return text
    try:
        return base64.b64decode(text[len(start) : -len(end)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
