"""The dashboard for Grafana: what Grafana needs to import it, and that the stats API answers each of its requests."""

import csv
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from prisme.stats.figures import NAMES
from prisme.stats.grafana.dashboard import SOURCES, build_dashboard_model
from prisme.stats.grafana.panels import COLUMNS, SERIES, TOPS
from tests.checkout import ROOT
from tests.server import LiveServer, browser

DOCS = " ".join((ROOT / "docs" / "grafana.md").read_text().split())
PANELS = {"stat": 1, "timeseries": len(SERIES), "table": len(TOPS)}
PAGE = "https://example.com/pricing?utm_campaign=spring"
OF_COLUMNS = {"selector", "text", "type"}
VARIABLES = {
    "${__from:date:iso}": "2026-01-01T00:00:00.000Z",
    "${__to:date:iso}": "2099-01-01T00:00:00.000Z",
    "${interval}": "month",
}


@pytest.fixture(params=sorted(SOURCES))
def model(request: pytest.FixtureRequest) -> Any:
    """A dashboard, as Grafana reads it."""
    return json.loads(json.dumps(build_dashboard_model(request.param)))


def cells(panel: Any) -> set[tuple[int, int]]:
    """The squares of the page that a panel takes."""
    place = panel["gridPos"]
    return set(
        itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
    )


def test_panels_have_places_and_ids(model: Any) -> None:
    panels = model["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, sum(PANELS.values()) + 1))
    assert {kind: sum(panel["type"] == kind for panel in panels) for kind in PANELS} == PANELS
    taken = [cells(panel) for panel in panels]
    assert sum(map(len, taken)) == len(set().union(*taken)), "panels overlap"
    assert all(0 <= column < COLUMNS for column, _ in set().union(*taken))
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_everything_asks_the_data_source_that_the_import_asks_for(model: Any) -> None:
    (asked,) = model["__inputs"]
    datasource = {"type": asked["pluginId"], "uid": f"${{{asked['name']}}}"}
    assert asked["type"] == "datasource"
    for panel in model["panels"]:
        assert panel["datasource"] == datasource
        assert [target["datasource"] for target in panel["targets"]] == [datasource] * len(panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)
    assert [one["datasource"] for one in model["templating"]["list"] if one["type"] == "query"] == [datasource]
    needed = {(one["type"], one["id"]) for one in model["__requires"]}
    assert needed == {("grafana", "grafana"), ("datasource", asked["pluginId"]), *(("panel", kind) for kind in PANELS)}


def test_variables_are_used(model: Any) -> None:
    text = json.dumps(model["panels"])
    names = [one["name"] for one in model["templating"]["list"]]
    assert names == ["site", "interval"]
    assert all(f"${{{name}" in text for name in names)
    assert "${__timezone}" in text
    assert model["timezone"] == "browser"


def test_requests_are_as_many_as_is_explained() -> None:
    model = build_dashboard_model("stats-api")
    requests = [*itertools.chain(*(panel["targets"] for panel in model["panels"])), model["templating"]["list"][0]]
    assert f"A look at the dashboard is {len(requests)} requests" in DOCS
    assert all(f"`{source.plugin}`, {source.version[:3]} or newer" in DOCS for source in SOURCES.values())


def test_overrides_name_a_field(model: Any) -> None:
    for panel in model["panels"]:
        names = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]]
        made = {change["options"].get("alias", "") for change in panel["transformations"]}
        texts = json.dumps(panel["targets"])
        assert all(name in made or f'"{name}"' in texts or f'\\"{name}\\"' in texts for name in names)


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a pageview and an event of each kind."""
    with LiveServer(tmp_path_factory.mktemp("grafana"), origins="example.com") as server:
        events = "/api/v1/events"
        headers = browser(PAGE)
        json_body = {**headers, "Content-Type": "application/json"}
        for path, body, head in [
            ("pageviews", b"", headers),
            ("custom/sign_up", b"{}", json_body),
            ("outbound-links", b"https://example.org/", headers),
            ("file-downloads", b"https://example.com/a.pdf", headers),
        ]:
            assert server.http.post(f"{events}/{path}", headers=head, content=body).is_success
        server.settle()
        yield server


def send(server: LiveServer, target: Any, site: str, zone: str) -> Any:
    """The response to a target's request, as the plugin sends it."""
    options = target["url_options"]
    values = VARIABLES | {"${site:csv}": site, "${__timezone}": zone}
    parameters = {one["key"]: values.get(one["value"], one["value"]) for one in options["params"]}
    assert (target["source"], target["parser"], options["method"]) == ("url", "backend", "GET")
    assert all(set(column) == OF_COLUMNS for column in target["columns"])
    response = server.http.get(target["url"], params=parameters, headers=server.make_token())
    assert response.status_code == 200, response.text
    return response


def rows(target: Any, response: Any) -> list[dict[str, Any]]:
    """The rows that the plugin makes of a response."""
    if target["type"] == "csv":
        assert response.headers["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(response.text.splitlines()))
    found = response.json()[target["root_selector"]]
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("site", ["*", "example.com"])
@pytest.mark.parametrize("zone", ["utc", "Europe/Berlin"])
def test_the_stats_api_answers(visited: LiveServer, site: str, zone: str) -> None:
    seen = set()
    for panel in build_dashboard_model("stats-api")["panels"]:
        for target in panel["targets"]:
            found = rows(target, send(visited, target, site, zone))
            assert found, target["url"]
            for column in target["columns"]:
                assert all(column["selector"] in row for row in found), (panel["title"], column)
                if column["type"] != "string":
                    assert all(float(row[column["selector"]]) >= 0 for row in found)
            seen.add(target["url"].rpartition("/")[2].removesuffix(".csv"))
    assert seen == {"dashboard", "bounces", *(one.name for one in (*SERIES, *TOPS))} - {"bounce-rate"}
    assert seen <= set(NAMES)


def test_the_sites_are_those_with_figures(visited: LiveServer) -> None:
    variable = build_dashboard_model("stats-api")["templating"]["list"][0]
    target = variable["query"]["infinityQuery"]
    found = rows(target, send(visited, target, "*", "utc"))
    assert [row[column["selector"]] for row in found for column in target["columns"]] == ["example.com"]
    assert variable["allValue"] == "*"


def test_a_site_has_its_own_figures(visited: LiveServer) -> None:
    target = build_dashboard_model("stats-api")["panels"][0]["targets"][0]
    (own,), (none,) = (
        rows(target, send(visited, target, site, "utc")) for site in ("example.com", "nowhere.example.com")
    )
    assert (own["visitors"], none["visitors"]) == (1, 0)
