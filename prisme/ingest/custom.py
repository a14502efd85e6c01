"""Custom events: a name of the site's own, and properties, kept to the byte."""

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
    """A custom event; `properties` is JSON text."""
    return Action(hit, lambda device, session, path: CustomLine(device, session, path, name, properties))


def read_properties(body: bytes) -> str | Refusal:
    """A body's JSON object as its own text; an empty body is an empty object.

    msgspec takes nothing that DuckDB's JSON would not: no lone surrogates, no NaN, no trailing commas. Numbers beyond
    float64 and nesting beyond some hundred levels are refused as well.
    """
    if not body:
        return NO_PROPERTIES
    try:
        _decode_object(body)
        return body.decode()
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return refusal.PROPERTIES_INVALID


def join_properties(parameters: Iterable[tuple[bytes, bytes]]) -> str | Refusal:
    """One JSON object of names and JSON values, each as text; the last of a repeated name counts."""
    members: dict[bytes, bytes] = {}
    try:
        for name, value in parameters:
            _decode_value(value)
            members[_encode(name.decode())] = value
        return "{" + ",".join(f"{name.decode()}:{value.decode()}" for name, value in members.items()) + "}"
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return refusal.PROPERTY_INVALID
