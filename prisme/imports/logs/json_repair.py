"""Makes JSON of lines that a server wrote by a template, without escaping values as JSON wants it.

nginx without `escape=json` and Apache write bytes as `\\xHH`, and Apache an empty user with four quotes; numbers that
are missing are `-` or nothing, and HAProxy's begin with zeros.
"""

import json
import re
from typing import Final

import msgspec

_decode: Final = msgspec.json.decode
_LONGEST_PREFIX: Final = 256
# What decoding raises: for what is no JSON, no UTF-8, or nested too deeply.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_JSON_ESCAPES: Final = b'"\\/bfnrtu'
# Texts, which stay as they are, and what is between them: zeros before a number, and values that are missing.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<=[:,\[\s])0+(?=[0-9])|(?<=:)(\s*-?\s*)(?=[,}])', re.DOTALL)
_EMPTY: Final = re.compile(rb':\s*"{4}')


def cut_prefix(line: bytes) -> bytes:
    """The line from its first brace on: syslog, journals and containers write the time and more before it."""
    start = line.find(b"{", 0, _LONGEST_PREFIX)
    return line[start:] if start > 0 else line


def decode_object(line: bytes) -> dict[str, object] | None:
    """The object that a line is, or None. Bytes that are no UTF-8 become U+FFFD."""
    try:
        found = _decode(line)
    except UNREADABLE:
        found = _decode_any(line)
    return found if isinstance(found, dict) else None


def _decode_any(line: bytes) -> object:
    text = line.decode("utf-8", "replace").encode()
    repaired = repair(text)
    for decode, attempt in ((_decode, text), (_decode, repaired), (_decode_leniently, repaired)):
        try:
            return decode(attempt)
        except (*UNREADABLE, ValueError):
            continue
    return None


def _decode_leniently(text: bytes) -> object:
    """Take what msgspec does not: lone surrogates, and raw control characters."""
    return _clean(json.loads(text, strict=False))


def repair(line: bytes) -> bytes:
    """The line as JSON, as far as that is known; UTF-8."""
    escaped = _ESCAPE.sub(_escape, _EMPTY.sub(b':""', line))
    return _TOKEN.sub(_complete, escaped).decode("utf-8", "replace").encode()


def _escape(found: re.Match[bytes]) -> bytes:
    code, character = found.groups()
    if code is None:
        if character in _JSON_ESCAPES:
            return found[0]
        return b"\\u000b" if character == b"v" else b"\\\\" + character
    value = int(code, 16)
    return b"\\u%04x" % value if value < 0x20 or value in b'"\\' else bytes([value])


def _complete(found: re.Match[bytes]) -> bytes:
    if found[0].startswith(b'"'):
        return found[0]
    return b"" if found[1] is None else b"null"


def _clean(value: object) -> object:
    """The same without lone surrogates, which are no text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(part) for key, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list) else value
