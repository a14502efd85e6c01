"""Links: absolute, and of the web."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import refusal
from prisme.base.uri import Uri
from prisme.ingest.links import read_link


@pytest.mark.parametrize(
    ("raw", "link"),
    [
        pytest.param(b"https://a.example/b.pdf?c=d#e", "https://a.example/b.pdf?c=d", id="https"),
        pytest.param(b"HTTP://A.Example:80", "http://a.example:80/", id="http"),
        pytest.param(b"https://me:secret@a.example/", "https://a.example/", id="user info"),
        pytest.param(b"", refusal.LINK_MISSING, id="none"),
        pytest.param(b" ", refusal.LINK_INVALID, id="space"),
        pytest.param(b"/b.pdf", refusal.LINK_INVALID, id="path"),
        pytest.param(b"//a.example/", refusal.LINK_INVALID, id="no scheme"),
        pytest.param(b"ftp://a.example/", refusal.LINK_INVALID, id="ftp"),
        pytest.param(b"javascript://a.example/%0aalert(1)", refusal.LINK_INVALID, id="javascript"),
        pytest.param(b"data:text/html,x", refusal.LINK_INVALID, id="data"),
        pytest.param(b"https://a.example/\r\nX: y", refusal.LINK_INVALID, id="line end"),
        pytest.param(b"https://a.example/" + b"a" * 8175, refusal.LINK_INVALID, id="8,193 bytes"),
    ],
)
def test_links(raw: bytes, link: object) -> None:
    read = read_link(raw)
    assert (str(read) if isinstance(read, Uri) else read) == link


@given(st.binary() | st.binary().map(lambda rest: b"https://a.example/" + rest))
def test_no_link_splits_a_header(raw: bytes) -> None:
    """The redirect has the link as it came, with spaces around it cut."""
    if isinstance(read_link(raw), Uri):
        assert min(raw) >= 0x20
        assert 0x7F not in raw
