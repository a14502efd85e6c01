"""Messages of JSON-RPC 2.0, as the Model Context Protocol narrows them: parameters by name, ids that are not null."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602

Id = int | str


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a message has no result."""

    code: int
    message: str
    data: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True):
    """A request; without an id, a notification; without a method, a response, which nobody here waits for."""

    method: str
    params: dict[str, Any]
    id: Id | None


class Faulty(msgspec.Struct, frozen=True):
    """What is no message, with its id as far as it has one."""

    error: Error
    id: Id | None = None


class _Sent(msgspec.Struct, frozen=True):
    jsonrpc: Literal["2.0"]
    method: str | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    result: Any = UNSET
    error: Any = UNSET


def decode(body: bytes) -> list[Any] | dict[str, Any] | Error:
    """The JSON of a message, or of a batch of them."""
    try:
        read = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Error(PARSE_ERROR, f"the body is no JSON: {error}")
    return read if isinstance(read, list | dict) else Error(INVALID_REQUEST, "the body is no JSON-RPC message")


def read_message(read: Any) -> Message | Faulty:
    """One message, of what `decode` gives."""
    given = read.get("id") if isinstance(read, dict) else None
    known = given if isinstance(given, int | str) and not isinstance(given, bool) else None
    try:
        sent = msgspec.convert(read, _Sent)
    except msgspec.ValidationError as error:
        return Faulty(Error(INVALID_REQUEST, f"the body is no JSON-RPC message: {error}"), known)
    if not sent.method and sent.result is UNSET and sent.error is UNSET:
        return Faulty(Error(INVALID_REQUEST, "the message has no method"), known)
    return Message(sent.method or "", sent.params or {}, None if sent.id is UNSET else sent.id)


def make_response(id_: Id | None, outcome: Mapping[str, Any] | Error) -> dict[str, Any]:
    """The response to a request: its result, or an error; the error of what has no id has none either."""
    of = {} if id_ is None else {"id": id_}
    return {"jsonrpc": "2.0", **of, "error" if isinstance(outcome, Error) else "result": outcome}
