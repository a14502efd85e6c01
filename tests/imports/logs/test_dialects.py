"""What clients send comes back from each server's escapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.imports.logs.dialects import Dialect, sniff, unescape
from prisme.imports.logs.line import LogLine
from tests.imports.logs.reading import parse_line, parse_text

# No surrogates: they are no UTF-8. No `-` alone: it is that of a missing header.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text != "-")
# In a request line, no blank or control character at the ends.
_QUERIES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"], exclude_characters=" "))
_TIME = "[28/Nov/2026:23:06:25 +0530]"


def escape_nginx(text: str) -> str:
    """As nginx does it."""
    return "".join(
        f"\\x{byte:02X}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in text.encode()
    )


def escape_apache(text: str) -> str:
    """As Apache does it."""
    letters = {8: "\\b", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 34: '\\"', 92: "\\\\"}
    return "".join(
        letters.get(byte, f"\\x{byte:02x}" if byte < 32 or byte > 126 else chr(byte)) for byte in text.encode()
    )


def escape_haproxy(text: str) -> str:
    """As HAProxy does it in requests and in captures."""
    return "".join(
        f"#{byte:02X}" if byte < 32 or byte > 126 or byte in b'"#{}|' else chr(byte) for byte in text.encode()
    )


def escape_morgan(text: str) -> str:
    """As morgan does it, in Node, which reads headers as Latin-1."""
    letters = {"\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\f": "\\f", '"': '\\"', "\\": "\\\\"}
    return "".join(
        letters.get(
            character, f"\\u{ord(character):04x}" if ord(character) < 32 or 127 <= ord(character) < 160 else character
        )
        for character in text.encode().decode("latin-1")
    )


@given(referrer=_TEXTS, agent=_TEXTS, query=_QUERIES)
def test_nginx(referrer: str, agent: str, query: str) -> None:
    values = [escape_nginx(text) for text in (query, referrer, agent)]
    line = f'203.0.113.7 - a\\x22b {_TIME} "GET /?{values[0]} HTTP/1.1" 200 1 "{values[1]}" "{values[2]}"'
    found = parse_line(line.encode())
    assert (found.target, found.referrer, found.user_agent) == (f"/?{query}", referrer, agent)


@given(referrer=_TEXTS, agent=_TEXTS, query=_QUERIES)
def test_apache(referrer: str, agent: str, query: str) -> None:
    values = [escape_apache(text) for text in (query, referrer, agent)]
    line = f'203.0.113.7 - a\\"b {_TIME} "GET /?{values[0]} HTTP/1.1" 200 1 "{values[1]}" "{values[2]}"'
    # With a line that shows which server it is: one value in itself may be what another server writes too.
    found = _parse_last(f'203.0.113.7 - - {_TIME} "GET /?\\"a\\\\ HTTP/1.1" 200 1 "-" "-"\n{line}\n')
    assert (found.target, found.referrer, found.user_agent) == (f"/?{query}", referrer, agent)


@given(referrer=_TEXTS, agent=_TEXTS)
def test_morgan(referrer: str, agent: str) -> None:
    values = [escape_morgan(text) for text in (referrer, agent)]
    line = f'203.0.113.7 - - {_TIME} "GET / HTTP/1.1" 200 1 "{values[0]}" "{values[1]}"'
    found = _parse_last(f'203.0.113.7 - - {_TIME} "GET /?\\"a\\\\ HTTP/1.1" 200 1 "-" "-"\n{line}\n')
    assert (found.referrer, found.user_agent) == (referrer, agent)


@given(agent=_TEXTS, query=_QUERIES)
def test_haproxy(agent: str, query: str) -> None:
    text = "".join(
        f"2026-11-28T17:36:25.000000Z 203.0.113.7:1 [28/Nov/2026:17:36:25.000] web app/s1 0/0/0/0/0 200 1 - - ---- "
        f'1/1/0/0/0 0/0 {{{escape_haproxy(value)}}} "GET /?{escape_haproxy(query)} HTTP/1.1"\n'
        for value in ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)", agent)
    )
    found = _parse_last(text)
    assert (found.target, found.user_agent) == (f"/?{query}", agent)


@given(agent=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])).filter(lambda text: text != "-"))
def test_gunicorn(agent: str) -> None:
    """But for a value that ends with a backslash, which is ambiguous, and what looks like the end of a field."""
    if agent.endswith("\\") or '" "' in agent.replace("\\", ""):
        return
    escaped = agent.replace('"', '\\"')
    first = f'203.0.113.7 - - {_TIME} "GET /?\\"a\\b HTTP/1.1" 200 1 "-" "C:\\dir \\"x\\""\n'
    found = _parse_last(f'{first}203.0.113.7 - - {_TIME} "GET / HTTP/1.1" 200 1 "-" "{escaped}"\n')
    assert found.user_agent == agent


@given(agent=_TEXTS.filter(lambda text: '"' not in text and text.isprintable()))
def test_squid(agent: str) -> None:
    line = f'203.0.113.7 - - {_TIME} "GET http://example.com/ HTTP/1.1" 200 1 "-" "{agent}" TCP_MISS:HIER_DIRECT'
    assert parse_line(line.encode()).user_agent in (agent, _decode_twice(agent))


def test_quotes_that_are_not_escaped() -> None:
    line = f'203.0.113.7 - - {_TIME} "GET http://example.com/?"a"b HTTP/1.1" 200 1 "http://x/?"q"" "say "hi" \\"'
    found = parse_line(f"{line} TCP_MISS:HIER_DIRECT".encode())
    assert (found.target, found.referrer, found.user_agent) == (
        'http://example.com/?"a"b',
        'http://x/?"q"',
        'say "hi" \\',
    )
    found = parse_line(f'{line} 17 "router@file" "http://203.0.113.8:80" 29ms'.encode())
    assert (found.target, found.referrer, found.user_agent) == (
        'http://example.com/?"a"b',
        'http://x/?"q"',
        'say "hi" \\',
    )


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (b"plain # %22", None),
        (rb"caf\xC3\xA9", None),
        (rb"a\x22b", Dialect.HEX),
        (rb"a\x5Cz \\", Dialect.HEX),
        (rb"a\"b", Dialect.FULL),
        (rb"a\"b \\z", Dialect.FULL),
        (rb"a\\b", Dialect.FULL),
        (rb"a\"b \z", Dialect.QUOTE),
        (rb"a\z", None),
        (b"end\\", None),
    ],
)
def test_sniff(text: bytes, dialect: Dialect | None) -> None:
    assert sniff(text) is dialect


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        (rb"\x22\x5C\xC3\xa9 \" \n", Dialect.HEX, '"\\\u00e9 \\" \\n'),
        (rb"\"\\x22 \n\r\t\v\b\f \xff \u00e9 \z", Dialect.FULL, '"\\x22 \n\r\t\v\b\f \ufffd \u00e9 \\z'),
        (rb"\" \n \\", Dialect.QUOTE, '" \\n \\\\'),
        (rb"#22#C3#A9 #zz \x22", Dialect.HASH, '"\u00e9 #zz \\x22'),
        (rb'"\x22 \" #22', Dialect.RAW, '"\\x22 \\" #22'),
        ("caf\u00c3\u00a9".encode(), Dialect.QUOTE, "caf\u00e9"),
        ("caf\u00c3\u00a9".encode(), Dialect.HEX, "caf\u00c3\u00a9"),
        ("caf\u00e9 \u4f60".encode(), Dialect.RAW, "caf\u00e9 \u4f60"),
        (b"caf\xe9", Dialect.RAW, "caf\ufffd"),
    ],
)
def test_unescape(text: bytes, dialect: Dialect, expected: str) -> None:
    assert unescape(text, dialect) == expected


def _decode_twice(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _parse_last(text: str) -> LogLine:
    *_, found = parse_text(text.encode())
    assert isinstance(found, LogLine)
    return found
