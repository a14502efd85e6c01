"""Custom events: a name that the site chooses, and JSON properties, which are stored byte for byte."""

from collections.abc import Iterable

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest.action import Action
from prisme.ingest.hit import Hit
from prisme.journal.record import CustomLine

_decode_object = msgspec.json.Decoder(dict).decode
_decode_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
NO_PROPERTIES = "{}"


def custom_event(hit: Hit, name: str, properties: str) -> Action:
    """A custom event; `properties` is a JSON object as text."""
    return Action(hit, lambda device_hash, session, path: CustomLine(device_hash, session, path, name, properties))


def read_properties(body: bytes) -> str | Refusal:
    """The text of a body that is a JSON object; an empty body counts as an empty object.

    msgspec accepts only what DuckDB's JSON accepts: no lone surrogates, no NaN, no trailing commas. It also rejects
    numbers beyond float64, and nesting beyond some hundred levels.
    """
    if not body:
        return NO_PROPERTIES
    try:
        _decode_object(body)
        return body.decode()
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return refusal.PROPERTIES_INVALID


def join_properties(parameters: Iterable[tuple[bytes, bytes]]) -> str | Refusal:
    """The text of a JSON object of these names and JSON values; the last value of a repeated name counts."""
    members: dict[bytes, bytes] = {}
    try:
        for name, value in parameters:
            _decode_value(value)
            members[_encode(name.decode())] = value
        return "{" + ",".join(f"{name.decode()}:{value.decode()}" for name, value in members.items()) + "}"
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return refusal.PROPERTY_INVALID
