"""The page of a site's data: admins are asked before anything is deleted, also without JavaScript."""

import datetime
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from prisme.access import audit
from prisme.access.retention import read_rules
from prisme.operations import background
from prisme.store.control import Control
from tests.e2e.dashboard import add_people, logged_in
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.operations.views import view
from tests.server import LiveServer, wait_until

DAY = 86_400.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("data"), origins="example.com,*.example.com") as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture(scope="module")
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


def page(site: str) -> str:
    return f"/site/data?host={site}"


def ask(client: httpx.Client, site: str, **fields: str) -> httpx.Response:
    """Send a form, once the daily work is done, which a moved clock begins."""
    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        answers.append(client.post(page(site), data=fields))
        return "is busy with" not in answers[-1].text

    wait_until(is_answered, "the daily work to end")
    return answers[-1]


def fields_of(text: str) -> dict[str, str]:
    """The hidden fields of the form that asks."""
    form = re.search(r'<section class="notice" role="alert">.*?</section>', text, re.DOTALL)
    assert form, text
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0])}


def paths(server: LiveServer, site: str) -> list[str]:
    return [path for (path,) in server.rows("SELECT path FROM pageviews WHERE domain = ? ORDER BY path", [site])]


def audited(server: LiveServer) -> tuple[str, str, str, str]:
    with Control(server.folder).read() as connection:
        latest = audit.read(connection, 1, 0)[0]
    return latest.actor, latest.action, latest.subject, latest.detail


def test_pages_are_deleted_after_a_question(server: LiveServer, ada: httpx.Client) -> None:
    site = "a.example.com"
    ada.post("/sites", data={"host": site})
    for url in ("/drafts/1", "/drafts/2", "/kept"):
        view(server, f"http://{site}{url}", f"http://{site}/")
    view(server, "http://b.example.com/drafts/1", "")
    assert page(site) in ada.get(f"/site?host={site}").text
    asked = ada.post(page(site), data={"do": "delete", "path": "/drafts/*", "visitor": "", "before": ""})
    assert asked.status_code == 200
    assert 'value="/drafts/*">\n<label' in asked.text, "the form still shows what was typed"
    for text in (
        "On these pages: /drafts/*",
        "Sessions: 0",
        "Pageviews: 2",
        "Events: 0",
        "Other sessions that lose a part: 1",
    ):
        assert text in asked.text
    assert len(paths(server, site)) == 3, "asking deletes nothing"
    done = ada.post(page(site), data=fields_of(asked.text))
    assert done.headers["location"] == page(site)
    assert "Pageviews: 2" in ada.get(page(site)).text
    assert "Pageviews: 2" not in ada.get(page("example.com")).text
    assert (paths(server, site), paths(server, "b.example.com")) == (["/kept"], ["/drafts/1"])
    assert audited(server) == ("user:ada", "data.delete", site, "path /drafts/*, 0 sessions, 1 in part")


def test_a_visitor_is_deleted_and_the_audit_log_does_not_know_the_id(server: LiveServer, ada: httpx.Client) -> None:
    site = "example.com"
    view(server, f"http://{site}/", "", visitor="m-1")
    nothing = ada.post(page(site), data={"do": "delete", "visitor": "nobody"})
    assert "Nothing matches" in ada.get(nothing.headers["location"]).text
    asked = ada.post(page(site), data={"do": "delete", "visitor": "m-1", "before": "2999-01-01"})
    for text in ("Sessions: 1", "Visitor id: m-1", "Began before: 2999-01-01 (UTC)"):
        assert text in asked.text
    assert ada.post(page(site), data=fields_of(asked.text)).status_code == 303
    assert paths(server, site) == []
    *what, detail = audited(server)
    assert what == ["user:ada", "data.delete", site]
    assert detail == "before 2999-01-01T00:00:00Z, one visitor, 1 sessions, 0 in part"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"do": "delete", "before": "soon"}, "is no time"),
        ({"do": "delete", "path": "a\\"}, "backslash"),
        ({"do": "keep", "days": "-1"}, "is no number of days"),
        ({"do": "keep", "days": "99999"}, "from 1 to 36500"),
        ({"do": "burn"}, "nknown action"),
    ],
)
def test_mistakes_are_told(ada: httpx.Client, fields: dict[str, str], why: str) -> None:
    answer = ada.post(page("example.com"), data=fields)
    assert answer.status_code == 400
    assert why in unescape(answer.text)


def test_days_are_saved_at_once_or_after_a_question(server: LiveServer, ada: httpx.Client) -> None:
    site = "example.com"
    view(server, f"http://{site}/old", "")
    saved = ada.post(page(site), data={"do": "keep", "days": "400"})
    assert "Saved." in ada.get(saved.headers["location"]).text
    assert 'value="400"' in ada.get(page(site)).text
    server.time.move(3 * DAY)
    with logged_in(server, "ada") as client:
        asked = ask(client, site, do="keep", days="1")
        assert "within a day" in asked.text
        assert read_rules(Control(server.folder)) == {site: 400}
        assert client.post(page(site), data=fields_of(asked.text)).status_code == 303
        assert read_rules(Control(server.folder)) == {site: 1}
        assert client.post(page(site), data={"do": "keep", "days": ""}).status_code == 303
    assert read_rules(Control(server.folder)) == {}


def test_a_long_deletion_shows_how_far_it_is(
    server: LiveServer, ada: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    view(server, "http://example.com/long", "")
    with logged_in(server, "ada") as client:
        asked = ask(client, "example.com", do="delete")
        monkeypatch.setattr(background, "_PATIENCE", 0)
        monkeypatch.setattr("prisme.operations.background.Work.has_ended", False)
        assert client.post(page("example.com"), data=fields_of(asked.text)).status_code == 303
        assert "Being deleted" in client.get(page("example.com")).text


def test_viewers_see_nothing_of_it(server: LiveServer) -> None:
    with logged_in(server, "vic") as vic:
        assert vic.get(page("example.com")).status_code == 403
        assert vic.post(page("example.com"), data={"do": "delete", "sure": "1"}).status_code == 403


def test_imported_figures_are_counted_where_there_are_any(tmp_path: Path) -> None:
    days = [("example.com", f"2023-11-{day:02}", "path", "/old") for day in range(1, 4)]
    with open_folder(tmp_path) as context:
        add_import(context, "plausible-1", figures=days)
    with LiveServer(tmp_path) as server:
        add_people(server, "example.com")
        with logged_in(server, "ada") as ada:
            view(server, "http://example.com/", "")
            asked = ada.post(page("example.com"), data={"do": "delete", "path": "/old", "before": "2023-11-03"})
            assert "Imported figures: 2" in asked.text
            assert ada.post(page("example.com"), data=fields_of(asked.text)).status_code == 303
            assert "Imported figures: 2" in ada.get(page("example.com")).text
            assert server.rows('SELECT "day" FROM imported_figures') == [(datetime.date(2023, 11, 3),)]
            assert audited(server)[3].endswith("0 sessions, 0 in part, 2 imported figures")
            kept = ask(ada, "example.com", do="keep", days="30")
            assert "Imported figures: 1" in kept.text
            asked = ada.post(page("example.com"), data={"do": "delete", "path": "/", "before": ""})
            assert "Pageviews: 1" in asked.text
            assert "Imported figures" not in asked.text
