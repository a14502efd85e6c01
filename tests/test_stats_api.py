"""docs/stats-api.md: each figure has an example, and each example answers as written.

Run `python -m tests.test_stats_api` to write the answers anew.
"""

import datetime
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import pytest

from prisme.access.goals import GoalList
from prisme.access.grants import operator
from prisme.base.goals import Funnel, Goal
from prisme.stats.columns import SERIES
from prisme.stats.figures import NAMES
from prisme.store.control import Control
from prisme.visit.geo_file import INSTALLED
from tests.checkout import ROOT
from tests.requirements import need
from tests.server import CHROME, LiveServer, browser
from tests.visit import mmdb

PAGE = ROOT / "docs" / "stats-api.md"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EXAMPLE = re.compile(r"^```sh\n(curl .*?)^```\n\n```(?:json|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = EXAMPLE.findall(PAGE.read_text())
OPTIONS = {"origins": "example.com", "trust_proxy": "true"}


def start(folder: Path) -> LiveServer:
    """A server whose database knows where the visitors are."""
    mmdb.write(
        folder / INSTALLED,
        {
            "8.0.0.0/8": {"country_code": "US", "state1": "California", "city": "Mountain View"},
            "193.99.0.0/16": {"country_code": "DE", "state1": "Lower Saxony", "city": "Hanover"},
        },
    )
    return LiveServer(folder, **OPTIONS)


def visit(server: LiveServer) -> None:
    """Three visits of two days."""

    def send(at: str, kind: str, page: str, agent: str, address: str, *body: bytes, **more: str) -> None:
        moment = datetime.datetime.fromisoformat(f"{at}+00:00")
        server.time.move((moment - datetime.datetime.fromtimestamp(server.now(), datetime.UTC)).total_seconds())
        headers = browser(f"https://example.com{page}", user_agent=agent, X_Forwarded_For=address, **more)
        if kind.startswith("custom"):
            headers = {**headers, "Content-Type": "application/json"}
        answer = server.http.post(f"/api/v1/events/{kind}", headers=headers, content=b"".join(body))
        assert answer.status_code == 200, answer.text

    ada, bob = (FIREFOX, "8.8.8.8"), (CHROME, "193.99.144.80")
    query = "?utm_source=letter&utm_medium=mail&utm_campaign=spring&utm_term=shoes&utm_content=top"
    came = {"X_Prisme_Document_Referrer": "https://www.example.org/links"}
    send("2026-11-02T10:00:00", "pageviews", "/" + query, *ada, **came)
    here = {"X_Prisme_Document_Referrer": "https://example.com/"}
    send("2026-11-02T10:01:30", "pageviews", "/pricing", *ada, **here)
    send("2026-11-02T10:02:00", "custom/sign_up", "/pricing", *ada, b'{"plan": "pro", "seats": 3}')
    send("2026-11-02T10:02:10", "file-downloads", "/pricing", *ada, b"https://example.com/brochure.pdf")
    send("2026-11-02T10:02:20", "outbound-links", "/pricing", *ada, b"https://www.example.net/")
    send("2026-11-02T15:00:00", "pageviews", "/blog", *bob, X_Prisme_Status="404")
    send("2026-11-03T09:00:00", "pageviews", "/", *ada, X_Prisme_Visitor_Id="member-17")
    server.settle()


def define_goals(server: LiveServer) -> None:
    goals, by, site = GoalList(Control(server.folder)), operator("test"), "example.com"
    goals.save_goal(by, Goal(0, site, "Pricing", "page", "/pricing"), 0)
    goals.save_goal(by, Goal(0, site, "Sign-up", "event", "sign_up", sum_property="seats"), 0)
    goals.save_funnel(by, Funnel(0, site, "Registration", ("Pricing", "Sign-up")), 0)


def ask(server: LiveServer, command: str, token: str) -> str:
    line = command.replace("http://localhost:8000", server.url)
    environment = {**os.environ, "TOKEN": token}
    return subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=True).stdout


def token_of(server: LiveServer) -> str:
    return server.make_token()["Authorization"].removeprefix("Bearer ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    need("curl", "curl")
    with start(tmp_path_factory.mktemp("stats")) as server:
        visit(server)
        define_goals(server)
        yield server


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=lambda text: text[-60:].split("?")[0].split("/")[-1])
def test_examples_answer_as_written(server: LiveServer, command: str, answer: str) -> None:
    told = ask(server, command, token_of(server))
    if ".csv" in command:
        assert told.splitlines() == answer.splitlines()
    else:
        assert shorten(command, json.loads(told)) == json.loads(answer)


def test_every_figure_has_an_example() -> None:
    asked = {re.findall(r"stats/([\w-]+)", command)[0] for command, _ in EXAMPLES}
    assert asked == set(NAMES)
    headings = re.findall(r"^### `([\w-]+)`$", PAGE.read_text(), re.MULTILINE)
    assert headings == list(NAMES)


def shorten(command: str, told: dict[str, object]) -> dict[str, object]:
    """What a page has room for, and what is the same at each run: durations in whole seconds, no time of day."""
    if "stats/goals" in command or "stats/funnels" in command:
        return told
    told = json.loads(json.dumps(told), parse_float=lambda text: round(float(text)))
    if "stats/dashboard" in command:
        for name, kept in (("series", "visitors"), ("compared-series", "visitors"), ("tops", "top-pages")):
            told[name] = {kept: told[name][kept]}  # type: ignore[index]  # it is an object
        del told["weekday-hours"], told["custom-properties"]
    elif "weekday-hours" in command:
        pairs = [(key, value) for key, value in zip(told["keys"], told["values"], strict=True) if value]  # type: ignore[call-overload]
        told["keys"], told["values"] = [key for key, _ in pairs], [value for _, value in pairs]
    elif "live-visitors" in command:
        del told["from"], told["to"], told["keys"]
    return told


ABOUT = {
    "visitors": "Distinct visitors with a pageview in each bucket. Who only sent events is not among them.",
    "sessions": "Sessions, by their entry; also those that have events and no pageview.",
    "pageviews": "Pageviews. Each one counts, a reload as well.",
    "events": "Custom events, file downloads and clicks on outbound links together: the sum of `top-custom-events`, "
    "`top-file-downloads` and `top-outbound-links`.",
    "bounces": "Sessions with at most one pageview and no event.",
    "sessions-duration": "Seconds from a session's entry to its last pageview or event, on average.",
    "live-visitors": "Visitors with a pageview or event in the last 5 minutes. The example leaves out `from`, `to` and "
    "`keys`, which is now.",
    "top-pages": "Pages by pageviews.",
    "top-entry-pages": "Pages by the sessions that began there, with a pageview or an event.",
    "top-exit-pages": "Pages by the sessions that ended there.",
    "top-sources": "Sessions by source: the names of sites, apps and campaigns, as [a table](dashboard.md#sources-and-"
    "channels) gives them; `Direct` without any.",
    "top-channels": "Sessions by [channel](dashboard.md#sources-and-channels), such as `Organic search` or `Email`.",
    "top-referrers": "Where sessions came from: hosts, and `direct`. A site is no source of its own sessions (but in "
    "rows that 0.1.0 stored).",
    "top-utm-sources": "Sessions by `utm_source`; those without one are not here.",
    "top-utm-mediums": "Sessions by `utm_medium`.",
    "top-utm-campaigns": "Sessions by `utm_campaign`.",
    "top-utm-terms": "Sessions by `utm_term`.",
    "top-utm-contents": "Sessions by `utm_content`.",
    "top-countries": "Sessions by country: ISO 3166-1, `XX` where it is unknown.",
    "top-regions": "Sessions by region, with the code of its country; only if [the database has "
    "regions](data-files.md#regions-and-cities).",
    "top-cities": "Sessions by city, with the code of its country.",
    "top-operating-systems": "Sessions by system.",
    "top-browsers": "Sessions by browser.",
    "top-devices": "Sessions by device: its model where the browser says one, else `Other`.",
    "top-device-types": "Sessions by type of device: `desktop`, `mobile`, `tablet`, `tv`, `console` or `other`.",
    "top-statuses": "Pageviews by the HTTP status of the page.",
    "top-custom-events": "Custom events by name.",
    "top-outbound-links": "Clicks on outbound links.",
    "top-file-downloads": "File downloads.",
    "custom-properties": "Properties of custom events by the events that have them; with `property=plan`, the values "
    "of one, as text. `event=sign_up` asks for those of one event. An event that repeats a name counts once for "
    "it, with its last value.",
    "weekday-hours": "Pageviews by weekday (1 is Monday) and hour of the zone's clock: 168 values, of which the "
    "example shows those that are not 0.",
    "goals": "The goals of the sites that you may see: visitors, conversions, rate, and sums by currency.",
    "funnels": "The funnels of the sites that you may see: the visits at each step, and what is lost before it.",
    "sites": "Each site that you may see and that has visits, those with the most visitors first: its visitors in the "
    "span, in the one to compare with, and by bucket (`values`, by `keys`), and the times of its first entry and its "
    "latest activity. `total` is the number of sites, of which `limit` and `offset` choose some. `compare` is as for "
    "`dashboard`.",
    "dashboard": "All that a page shows, in one answer, with a span to compare with: `compare` is `previous` (without "
    "it), `year` (52 weeks earlier, so that weekdays match) or `none`; or `compare-from` and `compare-to` say which. "
    "`interval` is that of both. The example shows one of the six `series` and one of the 22 `tops`, and "
    "leaves out `custom-properties` and `weekday-hours`.",
}  # fmt: skip
MORE = dict.fromkeys((*SERIES, "sites", "dashboard"), "&interval=day") | {
    "custom-properties": "&event=sign_up&property=plan",
    "weekday-hours": "&tz=Europe/Berlin",
}


def write() -> None:
    """The page's last part anew."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as server:
        visit(server)
        define_goals(server)
        token = token_of(server)
        parts = []
        for name in NAMES:
            query = "" if name == "live-visitors" else f"?from=2026-11-02&to=2026-11-03{MORE.get(name, '')}"
            command = (
                'curl -s -H "Authorization: Bearer $TOKEN" \\\n'
                f"  'http://localhost:8000/api/v1/stats/{name}{query}'\n"
            )
            told = json.dumps(shorten(command, json.loads(ask(server, command, token))))
            about = fill(ABOUT[name], 118, break_on_hyphens=False)
            parts.append(f"### `{name}`\n\n{about}\n\n```sh\n{command}```\n\n```json\n{wrap(told)}\n```\n")
    head = PAGE.read_text().partition("Each example is asked after the same three visits of two days.\n")
    PAGE.write_text("".join(head[:2]) + "\n" + "\n".join(parts))


def wrap(told: str) -> str:
    """One member a line, where it is long."""
    if len(told) < 120:
        return told
    read = json.loads(told)
    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in read.items()) + "\n}"


if __name__ == "__main__":
    write()
