"""Spans of figures, through real HTTP: any times, zones and comparisons are answered, or refused with a reason."""

import html
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import INTERVALS
from prisme.stats.zones import list_zones
from tests.e2e.callers import send_visit
from tests.server import LiveServer

TIMES = st.sampled_from(
    [
        *("-1", "0", "1", "253370700000", "253370764800", "now-7d", "now/y", "now-56y", "now+1d", "now+7971y/y"),
        *("0001-01-01", "1969-12-31", "1970", "1970-01-02", "2069", "2070-01-01", "5000-03-02", "9898", "9998"),
        *("9899-01-02T03:04:05", "9998-01-01", "9998-12-31T12:00:00Z", "9998-12-31T23:00:00Z", "9999-12-31"),
    ]
)
ZONES = ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Pacific/Apia", "Australia/Lord_Howe", "America/New_York"]
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "from": TIMES,
        "to": TIMES,
        "compare-from": TIMES,
        "compare-to": TIMES,
        "compare": st.sampled_from(["previous", "year", "none"]),
        "interval": st.sampled_from(INTERVALS),
        "tz": st.sampled_from(ZONES),
    },
)
PATHS = ["/dashboard", "/dashboard/list", "/dashboard/row", "/api/v1/stats/dashboard", "/api/v1/stats/weekday-hours"]
REQUIRED = {"/dashboard/list": {"name": "sources"}, "/dashboard/row": {"list": "top-pages", "key": "/*"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("spans")) as started:
        send_visit(started)
        started.http.headers.update(started.make_token())
        yield started


@pytest.mark.parametrize("path", PATHS)
@given(parameters=PARAMETERS)
@example(parameters={"from": "now-56y", "to": "9998-12-31T23:00:00Z", "interval": "year", "tz": "Pacific/Kiritimati"})
@example(parameters={"from": "9950", "to": "9998-12-31T23:00:00Z", "interval": "year", "tz": "Pacific/Kiritimati"})
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_times_are_answered_or_refused(server: LiveServer, path: str, parameters: dict[str, str]) -> None:
    if "weekday" in path:
        parameters = {name: text for name, text in parameters.items() if not name.startswith("compare")}
    response = server.http.get(path, params=parameters | REQUIRED.get(path, {}))
    assert response.status_code in (200, 400), (response.status_code, response.url, response.text)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("times", [{"to": "9998-01-01"}, {"from": "1970-01-02", "to": "9998-01-01"}], ids=str)
def test_more_than_a_century_is_refused(server: LiveServer, path: str, times: dict[str, str]) -> None:
    response = server.http.get(path, params={**times, "interval": "year"} | REQUIRED.get(path, {}))
    assert response.status_code == 400
    assert "over 100 years before `to`, such as from=now-1y" in html.unescape(response.text)


def test_links_of_the_first_bucket_may_be_followed(server: LiveServer) -> None:
    """In zones west of Greenwich, it begins before 1970."""
    page = {"from": "0", "to": "1971", "interval": "year", "tz": "America/New_York", "path": "/a b"}
    response = server.http.get("/dashboard", params=page)
    links = [html.unescape(link) for link in re.findall(r'href="(/dashboard[?][^"]*&amp;to=\d+)"', response.text)]
    zooms = [link for link in links if "from=0&" in link]
    assert zooms == ["/dashboard?tz=America/New_York&path=/a%20b&from=0&to=18000"]
    assert not [link for link in links if "from=-" in link]
    assert server.http.get(zooms[0]).status_code == 200


def test_the_zones_to_choose_from_are_those_that_are_known(server: LiveServer) -> None:
    listed = server.http.get("/dashboard").text.partition('<datalist id="zones">')[2].partition("</datalist>")[0]
    assert re.findall("<option>([^<]+)</option>", listed) == sorted(list_zones())
