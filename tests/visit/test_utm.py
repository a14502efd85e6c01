"""UTM parameters, in any query that a URL may have."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.events import NO_UTM, Utm
from prisme.visit.utm import parse_utm

KEYS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@pytest.mark.parametrize(
    ("query", "utm"),
    [
        pytest.param("", NO_UTM, id="empty"),
        pytest.param("a=b", NO_UTM, id="others"),
        pytest.param("&".join(f"{key}={key[4]}" for key in KEYS), Utm("s", "m", "c", "t", "c"), id="all"),
        pytest.param("ref=a", Utm("a"), id="ref"),
        pytest.param("utm_source=a&ref=b", Utm("a"), id="utm_source before ref"),
        pytest.param("ref=b&utm_source=a", Utm("a"), id="utm_source behind ref"),
        pytest.param("source=a", Utm("a"), id="source"),
        pytest.param("source=b&ref=a", Utm("a"), id="ref before source"),
        pytest.param("source=c&ref=b&utm_source=a", Utm("a"), id="all three"),
        pytest.param("ref=&source=b", Utm("b"), id="empty ref and source"),
        pytest.param("utm_source=&ref=b", Utm("b"), id="empty utm_source and ref"),
        pytest.param("utm_source=&ref=%20&source=b", Utm("b"), id="blank ref and source"),
        pytest.param("utm_medium=m&ref=b", Utm("b", "m"), id="medium and ref"),
        pytest.param("utm_source=a&utm_source=b", Utm("a"), id="the first counts"),
        pytest.param("utm_source=&utm_source=b", Utm("b"), id="an empty one is absent"),
        pytest.param("utm_source=+%20%09&utm_source=b", Utm("b"), id="a blank one is absent"),
        pytest.param("utm_source=+&utm_medium=&ref=%0a", NO_UTM, id="all blank"),
        pytest.param("utm_source=+a+b%20%0d%0a", Utm("a b"), id="blanks around"),
        pytest.param("utm_source=a&amp;utm_medium=b&amp;utm_term=c", Utm("a", "b", "", "c"), id="escaped twice"),
        pytest.param("x=1&amp;ref=a", Utm("a"), id="ref behind an escaped ampersand"),
        pytest.param("utm_source=R%26amp%3BD", Utm("R&amp;D"), id="an escaped ampersand in a value"),
        pytest.param("utm_source", NO_UTM, id="no value"),
        pytest.param("utm_source=a+b%20c%2B", Utm("a b c+"), id="decoded"),
        pytest.param("utm_source=%2541", Utm("%41"), id="decoded once"),
        pytest.param("utm_source=a=b", Utm("a=b"), id="equal sign"),
        pytest.param("utm_source=a;utm_medium=b", Utm("a;utm_medium=b"), id="semicolon"),
        pytest.param("utm_source=%C3%BC", Utm("ü"), id="escaped UTF-8"),
        pytest.param("utm_source=\xc3\xbc", Utm("ü"), id="UTF-8"),
        pytest.param("utm_source=\xc3%BC", Utm("\ufffd\ufffd"), id="half escaped"),
        pytest.param("utm_source=%FF\xff", Utm("\ufffd\ufffd"), id="no UTF-8"),
        pytest.param("UTM_Source=a&uTM_MEDIUM=b&Utm_Content=C", Utm("a", "b", content="C"), id="names in any case"),
        pytest.param("Ref=a", Utm("a"), id="ref in another case"),
        pytest.param("SOURCE=a", Utm("a"), id="source in another case"),
        pytest.param("UTM_SOURCE=a&utm_source=b", Utm("a"), id="the first in any case"),
        pytest.param("utm_sources=b&xutm_source=c&xref=d&resource=e&utm_=f", NO_UTM, id="other names"),
        pytest.param("utm_s%6Furce=a", Utm("a"), id="an escaped name"),
        pytest.param("preference=1&pref=2&datasource=3", NO_UTM, id="names that end so"),
        pytest.param("preference=1&ref=2", Utm("2"), id="ref behind a name that ends so"),
    ],
)
def test_campaigns(query: str, utm: Utm) -> None:
    assert parse_utm(query) == utm


def test_no_campaign_is_one_value() -> None:
    """Rules ask `is`."""
    assert all(parse_utm(query) is NO_UTM for query in ("", "a=b", "utm_source=", "ref=+", "utm_sources=a"))


@given(
    st.dictionaries(
        st.sampled_from([*KEYS, "ref", "source", "other"]), st.text(st.characters(codec="utf-8"), min_size=1)
    )
)
def test_what_browsers_encode_is_decoded(given: dict[str, str]) -> None:
    found = {name: value.strip() for name, value in given.items()}
    utm = Utm(*(found.get(key, "") for key in KEYS))
    source = utm.source or found.get("ref") or found.get("source", "")
    assert parse_utm(urlencode(given)) == Utm(source, utm.medium, utm.campaign, utm.term, utm.content)


@given(st.binary().map(lambda raw: "utm_source=" + raw.decode("latin-1")))
def test_any_query_is_read(query: str) -> None:
    parse_utm(query).source.encode()
