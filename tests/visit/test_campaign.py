"""UTM parameters, in any query that a URL may have."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.events import NO_UTM, Utm
from prisme.ingest.campaign import read_utm

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
        pytest.param("utm_source=&ref=b", Utm("b"), id="empty utm_source and ref"),
        pytest.param("utm_source=a&utm_source=b", Utm("a"), id="the first counts"),
        pytest.param("utm_source=&utm_source=b", Utm("b"), id="an empty one is absent"),
        pytest.param("utm_source", NO_UTM, id="no value"),
        pytest.param("utm_source=a+b%20c%2B", Utm("a b c+"), id="decoded"),
        pytest.param("utm_source=%2541", Utm("%41"), id="decoded once"),
        pytest.param("utm_source=a=b", Utm("a=b"), id="equal sign"),
        pytest.param("utm_source=a;utm_medium=b", Utm("a;utm_medium=b"), id="semicolon"),
        pytest.param("utm_source=%C3%BC", Utm("ü"), id="escaped UTF-8"),
        pytest.param("utm_source=\xc3\xbc", Utm("ü"), id="UTF-8"),
        pytest.param("utm_source=\xc3%BC", Utm("\ufffd\ufffd"), id="half escaped"),
        pytest.param("utm_source=%FF\xff", Utm("\ufffd\ufffd"), id="no UTF-8"),
        pytest.param("UTM_SOURCE=a&utm_sources=b&xutm_source=c&REF=d", NO_UTM, id="other names"),
        pytest.param("preference=1&pref=2", NO_UTM, id="names that end with ref"),
        pytest.param("preference=1&ref=2", Utm("2"), id="ref behind a name that ends so"),
    ],
)
def test_campaigns(query: str, utm: Utm) -> None:
    assert read_utm(query) == utm


@given(st.dictionaries(st.sampled_from([*KEYS, "ref", "other"]), st.text(st.characters(codec="utf-8"), min_size=1)))
def test_what_browsers_encode_is_decoded(given: dict[str, str]) -> None:
    utm = Utm(*(given.get(key, "") for key in KEYS))
    source = given.get("utm_source") or given.get("ref", "")
    assert read_utm(urlencode(given)) == Utm(source, utm.medium, utm.campaign, utm.term, utm.content)


@given(st.binary().map(lambda raw: "utm_source=" + raw.decode("latin-1")))
def test_any_query_is_read(query: str) -> None:
    read_utm(query).source.encode()
