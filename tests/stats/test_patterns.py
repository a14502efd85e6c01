"""Filters on paths and hosts match, whether typed decoded or as stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import uri
from prisme.stats import filters

PIECES = st.sampled_from(["/", "a", "%", "%2F", "%d0%bd", "%41", "é", "ж", " ", "*", ",", "!", "\\", ".", "..", "%25"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("/новости/*", ("/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/", "")),
        ("/%d0%bd*", ("/%D0%BD", "")),
        ("*é*", ("", "%C3%A9", "")),
        ("/a b", ("/a%20b",)),
        ("/100%", ("/100%25",)),
        ("/%41%2f", ("/A%2F",)),
        ("//a/./b/../c", ("/a/c",)),
        ("//a/*/../b", ("//a/", "/../b")),
        (r"/back\\slash", ("/back%5Cslash",)),
        (r"/\*", ("/*",)),
        ("/shop?id=ä 1", ("/shop?id=%C3%A4%201",)),
        ("//shop?id=*", ("/shop?id=", "")),
        ("/*?id=?%d0", ("/", "?id=%3F%D0")),
        ("/*?id=*é%d0%41", ("/", "?id=", "%C3%A9%D0A")),
        ("/shop?id=100%&t=a/b", ("/shop?id=100%25&t=a/b",)),
    ],
)
@pytest.mark.parametrize("name", ["path", "entry-path", "exit-path"])
def test_paths(name: str, typed: str, stored: tuple[str, ...]) -> None:
    assert filters.read({name: typed}) == {name: filters.Filter((stored,), ())}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Straße.de", ("xn--strae-oqa.de",)),
        ("РОССИЯ.рф", ("xn--h1alffa9f.xn--p1ai",)),
        ("bücher.example:8080", ("xn--bcher-kva.example:8080",)),
        ("Example.COM.", ("example.com",)),
        ("[2001:DB8:0::1]:80", ("[2001:db8::1]:80",)),
        ("direct", ("direct",)),
        ("*.РФ", ("", ".xn--p1ai")),
        ("*.РФ:8080", ("", ".xn--p1ai:8080")),
        ("новости.*", ("xn--b1amnebsh.", "")),
        ("*.москва.*", ("", ".xn--80adxhks.", "")),
        ("WWW.*", ("www.", "")),
        # A part of a label has no punycode.
        ("моск*", ("моск", "")),
        ("*ва.рф", ("", "ва.xn--p1ai")),
        ("no host", ("no host",)),
    ],
)
@pytest.mark.parametrize("name", ["domain", "referrer"])
def test_hosts(name: str, typed: str, stored: tuple[str, ...]) -> None:
    assert filters.read({name: f"!{typed}"}) == {name: filters.Filter((), (stored,))}


@pytest.mark.parametrize(
    "name", sorted({*filters.NAMES} - {"path", "entry-path", "exit-path", "domain", "referrer", "source"})
)
def test_other_texts_stay_as_they_are(name: str) -> None:
    assert filters.read({name: "/É//%41"})[name].includes == (("/É//%41",),)


@given(st.lists(PIECES).map("".join))
def test_a_stored_path_is_found_as_it_is(path: str) -> None:
    stored = uri.parse(f"https://example.com/{path}".encode())
    assert stored
    raw = stored.path.replace("*", r"\*").replace(",", r"\,")
    assert filters.read({"path": raw})["path"].includes == ((stored.path,),)
