"""The fields of a pageview, read from bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.ingest.pageview import read_status, read_visitor


def test_every_status_of_100_to_599() -> None:
    accepted = {number: read_status(b"%d" % number) for number in range(1200)}
    assert {number for number, read in accepted.items() if not isinstance(read, Refusal)} == set(range(100, 600))
    assert all(read in (number, refusal.STATUS_INVALID) for number, read in accepted.items())


@pytest.mark.parametrize(
    "raw",
    [
        b"0200",
        b" 200",
        b"200 ",
        b"+20",
        b"-20",
        b"2e2",
        b"2_0",
        b"200, 404",
        b"20\x00",
        b"\xb2\xb2\xb2",
        "२००".encode(),
    ],
)
def test_other_statuses(raw: bytes) -> None:
    assert read_status(raw) is refusal.STATUS_INVALID


@given(st.binary(max_size=4))
def test_any_status_is_read(raw: bytes) -> None:
    read = read_status(raw)
    assert read is refusal.STATUS_INVALID if isinstance(read, Refusal) else str(read).encode() == raw


@pytest.mark.parametrize(
    ("raw", "visitor"),
    [
        pytest.param(b" customer 7 ", " customer 7 ", id="as it is"),
        pytest.param("ü".encode() * 128, "ü" * 128, id="256 bytes"),
        pytest.param(b"v" * 257, None, id="257 bytes"),
        pytest.param("ü".encode() * 129, None, id="258 bytes"),
        pytest.param(b"\xff", None, id="no UTF-8"),
        pytest.param(b"\xed\xa0\x80", None, id="surrogate"),
    ],
)
def test_visitors(raw: bytes, visitor: str | None) -> None:
    assert read_visitor(raw) == (refusal.VISITOR_INVALID if visitor is None else visitor)


@given(st.binary(max_size=300))
def test_any_visitor_is_read(raw: bytes) -> None:
    read = read_visitor(raw)
    assert read is refusal.VISITOR_INVALID or (isinstance(read, str) and read.encode() == raw)
