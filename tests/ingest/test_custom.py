"""Properties: what is accepted is JSON to everybody, and kept to the byte; nothing raises."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest.custom import join_properties, read_properties

texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8)
objects = st.dictionaries(texts, values, max_size=5)
# What JSON is made of, in any order: most of it is none.
SCRAPS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"0",
    b"17",
    b"-",
    b"+",
    b".",
    b"e",
    b"E",
    b"\\",
    b"u",
    b"d8",
    b"00",
]
SCRAPS += [b"\\ud83d", b"\\ude00", b"true", b"null", b"NaN", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"\xc3", b"\xbc"]
SCRAPS += [b'"a"', b'{"a":', b'"\\', b"\xed\xa0\x80", b"\xff", b"\xef\xbb\xbf", b"/**/"]
scraps = st.lists(st.sampled_from(SCRAPS), max_size=30).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A JSON object with a few bytes in the wrong place."""
    body = json.dumps(draw(objects), ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1))).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        body = body[:start] + draw(st.sampled_from(SCRAPS)) + body[start + draw(st.integers(0, 2)) :]
    return body


@pytest.fixture(scope="module")
def cast() -> Iterator[Callable[[str], str]]:
    """The database's JSON of a text, as text."""
    with duckdb.connect() as connection:
        yield lambda text: str(connection.execute("SELECT ?::JSON::VARCHAR", [text]).fetchall()[0][0])


def load(text: str) -> Any:
    """JSON as the standard has it, not as Python does."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


@given(objects, st.booleans())
def test_objects_are_accepted(properties: dict[str, Any], ascii_only: bool) -> None:
    body = json.dumps(properties, ensure_ascii=ascii_only)
    assert read_properties(body.encode()) == body


@given(damaged() | scraps | scraps.map(lambda inner: b'{"a":' + inner + b"}") | st.binary())
@example(b'{"a":"\t"}')
@example(rb'{"a":"\ud800"}')
@example(b'{"a":1e999}')
@example(b'{"a":' + b"[" * 60_000)
@example(b'{"a":' * 60_000)
@example(b'{"a":-' + b"9" * 60_000 + b"}")
def test_what_is_accepted_is_json_to_the_database(cast: Callable[[str], str], body: bytes) -> None:
    """A line that the database cannot read would hold up all that come after it."""
    read = read_properties(body)
    if isinstance(read, Refusal):
        assert read is refusal.PROPERTIES_INVALID
        return
    assert read.encode() == body or (body, read) == (b"", "{}")
    assert isinstance(load(read), dict)
    assert cast(read) == read


@pytest.mark.parametrize(("levels", "accepted"), [(1, True), (100, True), (500, True), (30_000, False)])
def test_nesting(levels: int, accepted: bool) -> None:
    body = '{"a":' * levels + "{}" + "}" * levels
    assert read_properties(body.encode()) == (body if accepted else refusal.PROPERTIES_INVALID)


@given(st.lists(st.tuples(texts, values)))
def test_members_are_joined_and_the_last_counts(members: list[tuple[str, Any]]) -> None:
    joined = join_properties([(name.encode(), json.dumps(value).encode()) for name, value in members])
    assert isinstance(joined, str)
    assert load(joined) == dict(members)
    assert joined.count(":") >= len(dict(members))


@given(st.lists(st.tuples(st.binary() | scraps, st.sampled_from([b"1", b'"a"', b"[]"]) | scraps | st.binary())))
@example([(b"a", b"[" * 30_000)])
@example([(b"a", b'1,"b":2')])
@example([(b'a":1,"b', b"2")])
def test_joined_members_are_json_to_the_database(
    cast: Callable[[str], str], members: list[tuple[bytes, bytes]]
) -> None:
    joined = join_properties(members)
    if isinstance(joined, Refusal):
        assert joined is refusal.PROPERTY_INVALID
        return
    assert set(load(joined)) == {name.decode() for name, _ in members}
    assert cast(joined) == joined


@pytest.mark.parametrize(
    ("members", "joined"),
    [
        pytest.param([], "{}", id="none"),
        pytest.param([(b"a", b" 1 ")], '{"a": 1 }', id="as written"),
        pytest.param([(b"a", b"1.50"), (b"b", b"1E3")], '{"a":1.50,"b":1E3}', id="numbers as written"),
        pytest.param([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")], '{"a":3,"b":2}', id="the last of a repeated one"),
        pytest.param([(b'a":1,"b', b"2")], '{"a\\":1,\\"b":2}', id="quotes in a name"),
        pytest.param([(b"a", b"")], None, id="empty value"),
        pytest.param([(b"a", b"text")], None, id="no JSON"),
        pytest.param([(b"a", b"x"), (b"a", b"1")], None, id="no JSON, although it is replaced"),
        pytest.param([(b"a", b"1 2")], None, id="two values"),
        pytest.param([(b"\xff", b"1")], None, id="no UTF-8 in a name"),
        pytest.param([(b"a", b'"\xff"')], None, id="no UTF-8 in a value"),
    ],
)
def test_members(members: list[tuple[bytes, bytes]], joined: str | None) -> None:
    assert join_properties(members) == (refusal.PROPERTY_INVALID if joined is None else joined)
