"""Regions and cities in the dashboard and the stats API, of a server whose database has them."""

from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import Open, add_people, open_menu, query, rows
from tests.server import LiveServer, browser
from tests.visit import mmdb

SITE, OTHER = "example.com", "www.example.com"


def place(country: str, region: str = "", city: str = "") -> mmdb.Value:
    return {"country_code": country, "state1": region, "city": city}


RECORDS = {
    "81.0.0.0/16": place("FR", "Île-de-France", "Paris"),
    "81.1.0.0/16": place("US", "Texas", "Paris"),
    "81.2.0.0/16": place("US", "Texas"),
    "8.0.0.0/8": place("US"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("places")
    mmdb.write(folder / "cities.mmdb", RECORDS)
    with LiveServer(folder / "data", geoip_db=str(folder / "cities.mmdb"), trust_proxy="true") as live:
        add_people(live, OTHER)
        for address, times in (("81.0.0", 3), ("81.1.0", 2), ("81.2.0", 1)):
            for number in range(times):
                visit(live, SITE, f"{address}.{number}")
        visit(live, OTHER, "8.8.8.8")
        live.settle()
        yield live


def visit(live: LiveServer, site: str, address: str) -> None:
    headers = browser(f"https://{site}/", X_Forwarded_For=address)
    assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200


def tabs(page: httpx.Response) -> list[str]:
    """Which lists the panel of countries offers."""
    panel = page.text.partition('id="countries"')[2].partition("</section>")[0]
    return [name for name in ("Countries", "Regions", "Cities") if f">{name}</a></li>" in panel]


def test_lists_of_the_stats_api(server: LiveServer) -> None:
    def ask(name: str, **parameters: str) -> dict[str, int]:
        answer = server.http.get(f"/api/v1/stats/{name}", params=parameters, headers=server.make_token())
        assert answer.status_code == 200, answer.text
        told = answer.json()
        return dict(zip(told["keys"], told["values"], strict=True))

    assert ask("top-cities") == {"Paris (FR)": 3, "Paris (US)": 2}
    assert ask("top-regions") == {"Île-de-France (FR)": 3, "Texas (US)": 3}
    assert ask("top-cities", region="Texas (US)") == {"Paris (US)": 2}
    assert ask("top-regions", city="Paris*") == {"Île-de-France (FR)": 3, "Texas (US)": 2}
    assert ask("top-pages", city="!Paris (FR)", region="Texas (US)") == {"/": 3}


def test_tabs_filters_and_the_form(server: LiveServer, plain: Open) -> None:
    page = plain()
    page.locator("#countries .tabs").get_by_role("link", name="Cities").click()
    assert query(page) == {"countries": "top-cities"}
    assert rows(page, "countries") == [("Paris, France", "3"), ("Paris, United States", "2")]
    page.locator("#countries").get_by_role("link", name="Paris, United States", exact=True).click()
    assert query(page) == {"countries": "top-cities", "city": "Paris (US)"}
    assert rows(page, "countries") == [("Paris, United States", "2")]
    expect(page.locator(".chips li").first).to_contain_text("City is Paris, United States")
    page.locator("#countries .tabs").get_by_role("link", name="Regions").click()
    assert rows(page, "countries") == [("Texas, United States", "2")]
    open_menu(page, "Filter")
    page.select_option("#filter-name", "region")
    page.fill("#filter-value", "texas, united states")
    page.get_by_role("button", name="Apply").click()
    assert query(page)["region"] == "Texas (US)"
    page.locator("#countries .links").get_by_role("link", name="All").click()
    assert page.locator("table.list .name").all_inner_texts() == ["Texas, United States"]


def test_what_a_text_may_mean_is_found_by_its_name(server: LiveServer, ada: httpx.Client) -> None:
    def enter(**entry: str) -> httpx.Response:
        return ada.get("/dashboard/filter", params={"filter": "city", **entry})

    went = enter(value="PARIS", operator="contains").headers["location"]
    assert unquote(went) == "/dashboard?city=Paris (FR),Paris (US)"
    found = enter(value="Paris")
    assert found.status_code == 200
    assert "No city matches “Paris” in this period" in found.text
    assert found.text.index("Paris, France") < found.text.index("Paris, United States")


def test_a_site_without_places_has_no_tabs_for_them(server: LiveServer, ada: httpx.Client) -> None:
    assert tabs(ada.get("/dashboard")) == ["Countries", "Regions", "Cities"]
    other = ada.get("/dashboard", params={"domain": OTHER})
    assert ">United States<" in other.text
    assert tabs(other) == []
    assert '<option value="city"' not in other.text
    assert '<option value="country"' in other.text
    assert tabs(ada.get("/dashboard", params={"domain": OTHER, "countries": "top-cities"})) == ["Countries", "Cities"]


def test_who_may_see_another_site_learns_nothing_of_its_places(server: LiveServer, vic: httpx.Client) -> None:
    assert tabs(vic.get("/dashboard")) == []
    token = server.make_token(OTHER)
    assert server.http.get("/api/v1/stats/top-cities", headers=token).json()["keys"] == []
