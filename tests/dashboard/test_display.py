"""What is shown of paths, hosts and links: decoded, and each stored text by a text of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import uri
from prisme.base.errors import InputError
from prisme.dashboard import display, filter_terms, lists
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.list_metrics import EVENTS, Figures

TEXTS = st.text(st.sampled_from("/a.é e\u0301ж中\u202e\u200b\u00a0\u3164%?#&\\*,!<\"'") | st.characters(), max_size=12)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("/", "/"),
        ("/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/", "/новости/"),
        ("/caf%C3%A9", "/café"),
        ("/%E4%B8%AD%E6%96%87%F0%9F%98%80", "/中文😀"),
        ("/a%20b", "/a b"),
        ("/%3Cscript%3E%22", '/<script>"'),
        ("/?q=%C3%A9", "/?q=é"),
        # What a URL means something else by, or what is written without an escape as well.
        ("/a%2Fb", "/a%2Fb"),
        ("/a%3Fb%23", "/a%3Fb%23"),
        ("/100%25", "/100%25"),
        ("/%21%2A", "/%21%2A"),
        ("/%5C", "/%5C"),
        ("/?q=A%D0%BD", "/?q=Aн"),
        # Spaces that are not seen.
        ("/%20a%20", "/ a%20"),
        ("/a%20%20b", "/a%20%20b"),
        # What cannot be seen, or turns the direction of what follows.
        ("/%00%0A%7F%C2%85", "/%00%0A%7F%C2%85"),
        ("/a%E2%80%AEcod", "/a%E2%80%AEcod"),
        ("/%D8%B9%E2%81%A6", "/ع%E2%81%A6"),
        ("/%E2%80%8B%EF%BB%BF%C2%AD", "/%E2%80%8B%EF%BB%BF%C2%AD"),
        ("/%C2%A0%E3%80%80", "/%C2%A0%E3%80%80"),
        ("/%E3%85%A4%EF%B8%8F%E2%A0%80", "/%E3%85%A4%EF%B8%8F%E2%A0%80"),
        # What looks like something else: a slash, a wide letter, a letter and its accent apart.
        ("/%E2%88%95%EF%BC%8F%EF%BC%A1", "/%E2%88%95%EF%BC%8F%EF%BC%A1"),
        ("/e%CC%81", "/e%CC%81"),
        # No UTF-8.
        ("/%E9/%C3", "/%E9/%C3"),
        ("/%ED%A0%80", "/%ED%A0%80"),
    ],
)
def test_paths(stored: str, shown: str) -> None:
    assert display.decode_path(stored) == shown
    assert filters.read({"path": filter_terms.make_value_term("path", stored)})["path"].includes == ((stored,),)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("example.com:8080", "example.com:8080"),
        ("direct", "direct"),
        ("[::1]:80", "[::1]:80"),
        ("xn--80adxhks.xn--p1ai", "москва.рф"),
        ("www.xn--bcher-kva.example:8080", "www.bücher.example:8080"),
        ("xn--strae-oqa.de", "straße.de"),
        ("xn--r8jz45g.jp", "例え.jp"),
        # No IDN, or none of IDNA 2008.
        ("xn--.com", "xn--.com"),
        ("xn--n3h.net", "xn--n3h.net"),
        ("xn--zz--zz.net", "xn--zz--zz.net"),
        # All Cyrillic, and like "apple"; Latin and Cyrillic in one.
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
        ("xn--pple-43d.com", "xn--pple-43d.com"),
    ],
)
def test_hosts(stored: str, shown: str) -> None:
    assert display.decode_host(stored) == shown
    for name in ("domain", "referrer"):
        assert filters.read({name: filter_terms.make_value_term(name, stored)})[name].includes == ((stored,),)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("https://xn--80adxhks.xn--p1ai/%D0%BD?q=%D0%BD", "https://москва.рф/н?q=%D0%BD"),
        ("https://example.com/a%2Fb.pdf", "https://example.com/a%2Fb.pdf"),
        ("mailto:a", "mailto:a"),
    ],
)
def test_links(stored: str, shown: str) -> None:
    assert display.decode_link(stored) == shown
    data = lists.ListData(EVENTS, [Figures(stored, actions=1)])
    (row,) = lists.build_list(UrlState({}, None, ""), "top-outbound-links", data).rows
    assert (row.label, row.external) == (shown, stored if "://" in stored else "")


@given(TEXTS)
def test_what_is_shown_stands_for_one_path(text: str) -> None:
    read = uri.parse(f"https://example.com/{text}".encode("utf-8", "surrogatepass"))
    if read is not None:
        shown = display.decode_value("path", read.path)
        assert filters.read({"path": filter_terms.make_term(shown)})["path"].includes == ((read.path,),)
        assert shown == shown.strip()
        assert shown.isprintable()


@pytest.mark.parametrize(
    ("name", "typed", "canonical"),
    [
        ("path", "/новости/*,!/%d0%bd", "/новости/*,!/н"),
        ("path", r"/a\*b*,\!x,/\c", r"/a\*b*,\!x,/c"),
        ("path", "/100%*", "/100%25*"),
        # Where the star is, a letter's bytes are torn apart.
        ("path", "/%D0*%BD", "/%D0*%BD"),
        ("path", "/e*\u0301", "/e*\u0301"),
        ("domain", "*.xn--p1ai,РОССИЯ.рф", "*.рф,россия.рф"),
        ("domain", "*xn--p1ai", "*xn--p1ai"),
        ("referrer", "Straße,Direct", "straße,direct"),
        ("event", "%D0%BD,a*", "%D0%BD,a*"),
        ("country", "!DE", "!DE"),
        ("outbound-link", "HTTPS://Bücher.example/é,!http://a.b", "https://xn--bcher-kva.example/%C3%A9,!http://a.b/"),
        ("file-download", "*/é*.pdf", "*/%C3%A9*.pdf"),
    ],
)
def test_filters_have_one_form(name: str, typed: str, canonical: str) -> None:
    assert filter_terms.normalise(name, typed) == canonical
    assert filters.read({name: typed}) == filters.read({name: canonical})


@given(st.sampled_from(["path", "domain", "event", "outbound-link"]), TEXTS)
def test_the_form_of_a_filter_stays_and_means_the_same(name: str, typed: str) -> None:
    try:
        meant = filters.read({name: typed})
    except InputError:
        return
    canonical = filter_terms.normalise(name, typed)
    assert filters.read({name: canonical}) == meant
    assert filter_terms.normalise(name, canonical) == canonical
