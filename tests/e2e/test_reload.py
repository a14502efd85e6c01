"""SIGHUP: what of the configuration is applied at once, what needs a restart, and that a wrong one changes nothing."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from prisme.runtime.options import OPTIONS
from prisme.wiring.reloading import APPLIED, RELOADED, show
from tests.certificate import make_pair
from tests.faults.load import Load, Outcome, count, flow
from tests.process import Process
from tests.runtime.test_config import TEXTS
from tests.server import CHROME, browser, free_port, make_token, wait_until
from tests.visit import mmdb

EVENTS = "/api/v1/events/pageviews"
CLIENT = {"X-Forwarded-For": "198.18.0.1, 8.8.8.8"}
FLAGS: Final = (
    "host", "port", "data_dir", "origins", "api_events_rate_limit", "api_stats_rate_limit", "admin_hostport",
    "access_log",
)  # fmt: skip
_ENDS: Final = ("the configuration was reloaded", "the configuration is invalid", "the configuration cannot")


class Reloaded(Process):
    """A server whose configuration is in a file, to be written anew."""

    def __init__(self, folder: Path) -> None:
        flags: dict[str, str | None] = {"config": str(folder / "prisme.toml"), **dict.fromkeys(FLAGS)}
        super().__init__(folder / "data", prefix=(), **flags)
        self.file = folder / "prisme.toml"
        self.initial: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "data_dir": str(self.folder),
            "origins": "example.com",
            "api_events_rate_limit": 0,
            "api_stats_rate_limit": 0,
            "admin_hostport": "",
            "access_log": str(folder / "access.log"),
            "access_log_ip": "full",
            "eventstore_max_batch_timeout": "50ms",
        }
        self.write()

    def write(self, **options: Any) -> None:
        """Write the file, with these options and the initial ones."""
        values = self.initial | options
        self.file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))

    def reload(self, **options: Any) -> list[str]:
        """Write the file and send SIGHUP; gives what is logged from then until it has ended."""
        self.write(**options)
        return self.hang_up()

    def hang_up(self) -> list[str]:
        before = len(self.log())
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any(line["msg"].startswith(_ENDS) for line in self.log()[before:]), "the reload")
        return [line["msg"] for line in self.log()[before:]]

    def view(self, page: str, referrer: str = "", **more: str) -> int:
        """Send a pageview; gives the status."""
        headers = browser(page, X_Prisme_Document_Referrer=referrer, **more)
        return self.http.post(EVENTS, headers={**headers, **CLIENT}).status_code

    def ask(self, figure: str, **parameters: str) -> Any:
        """A figure of the stats API."""
        wait_until(lambda: not any(path.stat().st_size for path in (self.folder / "journal").iterdir()), "the load")
        span = {"from": "now-1d", "to": "now+1h"}
        headers = make_token(self.folder)
        return self.http.get(f"/api/v1/stats/{figure}", params=span | parameters, headers=headers).json()

    def logged(self, name: str = "access.log") -> list[dict[str, Any]]:
        """The lines of an access log."""
        return [json.loads(line) for line in (self.file.parent / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloaded]:
    with Reloaded(tmp_path_factory.mktemp("reload")) as server:
        server.start()
        announced = "no account yet"  # the last line of a start
        wait_until(lambda: any(line["msg"].startswith(announced) for line in server.log()), "the announcement")
        yield server
        assert server.stop() == 0


@pytest.fixture(autouse=True)
def _start_with_the_initial_ones(server: Reloaded) -> Iterator[None]:
    yield
    told = server.reload()
    assert told[-1].startswith("the configuration was reloaded: "), told


def test_each_option_reloads_or_needs_a_restart() -> None:
    assert RELOADED == APPLIED
    assert len(RELOADED) < len(OPTIONS)


def test_nothing_changes_nothing(server: Reloaded) -> None:
    assert server.hang_up() == ["the configuration was reloaded: 0 options changed"]


def test_changes_are_told(server: Reloaded) -> None:
    told = server.reload(origins="example.com,new.example", api_events_rate_limit=500)
    assert told == [
        "origins changed from example.com to example.com,new.example",
        "api_events_rate_limit changed from 0 to 500",
        "the configuration was reloaded: 2 options changed",
    ]


def test_sites_and_aliases(server: Reloaded) -> None:
    pages = ("https://new.example/a", "https://www.example.com/aliased")
    assert [server.view(page) for page in pages] == [400, 400]
    server.reload(origins="example.com,new.example", aliases="www.example.com=example.com")
    assert [server.view(page) for page in pages] == [200, 200]
    assert "/aliased" in server.ask("top-pages", domain="example.com", limit="100")["keys"]
    server.reload()
    assert [server.view(page) for page in pages] == [400, 400]


def test_rules_of_pages(server: Reloaded) -> None:
    server.reload(page_parameters="id", trailing_slash="drop")
    assert server.view("https://example.com/rules/?id=7&x=1") == 200
    server.reload()
    assert server.view("https://example.com/rules/?id=7&x=1") == 200
    assert server.ask("top-pages", path="/rules*")["keys"] == ["/rules/", "/rules?id=7"]


def test_ignored_referrers(server: Reloaded) -> None:
    def visit(device: str) -> float:
        agent = CHROME.replace("140", device)
        for referrer in ("", "https://pay.example.net/"):
            assert server.view(f"https://example.com/{device}", referrer, User_Agent=agent) == 200
        return float(sum(server.ask("top-entry-pages", **{"entry-path": f"/{device}"})["values"]))

    assert visit("141") == 2
    server.reload(ignored_referrers="pay.example.net")
    assert visit("142") == 1


def test_limits_of_requests(server: Reloaded) -> None:
    server.reload(api_events_rate_limit=1, api_stats_rate_limit=1)
    assert [server.view("https://example.com/") for _ in range(2)] == [200, 429]
    assert [server.http.get("/login").status_code for _ in range(2)] == [200, 429]
    server.reload()
    assert [server.view("https://example.com/") for _ in range(2)] == [200, 200]
    assert [server.http.get("/login").status_code for _ in range(2)] == [200, 200]


def test_time_of_queries(server: Reloaded) -> None:
    headers, span = make_token(server.folder), {"from": "now-6d", "interval": "minute"}

    def ask() -> int:
        # Each with another filter, as answers and counts are cached.
        parameters = {**span, "path": f"!/{time.monotonic_ns()}", "limit": "10000"}
        return server.http.get("/api/v1/stats/dashboard", params=parameters, headers=headers).status_code

    assert ask() == 200
    server.reload(api_stats_timeout="100ms")
    wait_until(lambda: ask() == 503, "an answer that takes too long")


def test_origins_that_read_figures(server: Reloaded) -> None:
    origin = {"Origin": "https://a.example"}
    header = "access-control-allow-origin"
    for path in ("/api/v1/stats/visitors", "/mcp"):
        assert header not in server.http.options(path, headers=origin).headers
    server.reload(api_stats_allow_origins="https://a.example")
    for path in ("/api/v1/stats/visitors", "/mcp"):
        assert server.http.options(path, headers=origin).headers[header] == "https://a.example"


def test_free_space(server: Reloaded) -> None:
    server.reload(min_free_space="1000TB")
    assert server.view("https://example.com/") == 503
    server.reload()
    assert server.view("https://example.com/") == 200


def test_bots(server: Reloaded) -> None:
    agents = ("curl/8.0", "Googlebot/2.1 (+http://www.google.com/bot.html)")

    def send() -> list[int]:
        return [server.view("https://example.com/", User_Agent=agent) for agent in agents]

    assert send() == [400, 400]
    server.reload(bot_allow="^curl/")
    assert send() == [200, 400]
    server.reload(bot_filter="off")
    assert send() == [200, 200]


def test_countries(server: Reloaded) -> None:
    file = server.file.with_name("other.mmdb")
    mmdb.write(file, {"8.8.8.0/24": {"country_code": "FJ"}})
    server.reload(geoip_db=str(file))
    assert server.view("https://example.com/fiji", User_Agent=CHROME.replace("140", "150")) == 200
    assert server.ask("top-countries", **{"entry-path": "/fiji"})["keys"] == ["FJ"]
    # It is watched like the first one.
    server.reload(geoip_db="")
    assert server.view("https://example.com/home", User_Agent=CHROME.replace("140", "151")) == 200
    assert server.ask("top-countries", **{"entry-path": "/home"})["keys"] == ["US"]


def test_how_exact_places_are(server: Reloaded) -> None:
    file = server.file.with_name("cities.mmdb")
    mmdb.write(file, {"8.8.8.0/24": {"country_code": "FJ", "region": "Central", "city": "Suva"}})
    for number, (precision, known) in enumerate(
        {"region": ["Central (FJ)"], "city": ["Central (FJ)", "Suva (FJ)"], "country": []}.items()
    ):
        server.reload(geoip_db=str(file), geoip_precision=precision)
        page = {"entry-path": f"/{precision}"}
        agent = CHROME.replace("140", f"16{number}")
        assert server.view(f"https://example.com/{precision}", User_Agent=agent) == 200
        keys = [key for name in ("top-regions", "top-cities") for key in server.ask(name, **page)["keys"]]
        assert keys == known


def test_proxies_and_addresses_in_the_log(server: Reloaded) -> None:
    def logged() -> str:
        path = f"/{time.monotonic_ns()}"
        server.http.get(path, headers=CLIENT)
        wait_until(lambda: any(line["path"] == path for line in server.logged()), "the line")
        (address,) = (line["source_ip"] for line in server.logged() if line["path"] == path)
        return str(address)

    assert logged() == "8.8.8.8"
    server.reload(trust_proxy="false")
    assert logged() == "127.0.0.1"
    server.reload(proxy_hops=2)
    assert logged() == "198.18.0.1"
    server.reload(access_log_ip="masked")
    assert logged() == "8.8.8.0/24"
    server.reload(access_log_ip="none")
    assert logged() == ""


def test_another_access_log(server: Reloaded) -> None:
    other = server.file.with_name("other.log")

    def send(path: str, log: str = "other.log") -> None:
        """A line is written just after its response."""
        server.http.get(path)
        wait_until(lambda: [line["path"] for line in server.logged(log)][-1:] == [path], "the line")

    send("/first", "access.log")
    server.reload(access_log=str(other))
    send("/second")
    server.reload(access_log="")
    server.http.get("/nowhere")
    # It is reopened as well, whatever else happens.
    server.reload(access_log=str(other))
    other.rename(other.with_suffix(".1"))
    server.hang_up()
    send("/third")
    assert [line["path"] for line in server.logged("other.log")] == ["/third"]
    assert [line["path"] for line in server.logged("other.1")] == ["/second"]
    assert server.logged()[-1]["path"] == "/first"


def test_debug_messages(server: Reloaded) -> None:
    def load() -> int:
        server.view("https://example.com/")
        server.ask("visitors")
        return sum(line["level"] == 20 for line in server.log())

    assert load() == 0
    server.reload(debug=True)
    wait_until(lambda: load() > 0, "a debug message")


def test_other_options_need_a_restart(server: Reloaded, tmp_path: Path) -> None:
    certificate, key = map(str, make_pair(tmp_path))
    others = {name: text for name, (text, _) in TEXTS.items() if name not in RELOADED}
    others |= {
        "eventstore": "clickhouse",
        "tls_certificate": certificate,
        "tls_key": key,
        "admin_hostport": f"127.0.0.1:{free_port()}",
    }
    assert {*others} | RELOADED == {option.name for option in OPTIONS}
    others["mode"] = "ingestion"
    for _ in range(2):  # it is told each time
        *told, end = server.reload(**others)
        assert {line.partition(" ")[0] for line in told} == {*others}
        assert all(" needs a restart to change from " in line for line in told)
        assert "eventstore_fsync needs a restart to change from interval to always" in told
        assert end == "the configuration was reloaded: 0 options changed"
    assert server.http.get("/login").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"port": 0, "trailing_slash": "maybe"}, ["port (file ", "trailing_slash (file "]),
        ({"origins": "https://example.com/"}, ["origins (file "]),
        ({"bot_allow": "("}, ["bot_allow (file "]),
        ({"geoip_db": __file__}, ["geoip_db: "]),
        ({"access_log": "/nowhere/at/all.log"}, ["access_log: /nowhere/at/all.log cannot be opened"]),
    ],
)
def test_a_wrong_file_changes_nothing(server: Reloaded, wrong: dict[str, Any], told: list[str]) -> None:
    lines = server.reload(api_events_rate_limit=1, bot_filter="off", access_log_ip="none", **wrong)
    starts = [line.partition("nothing of it was applied: ")[2] for line in lines]
    assert len(starts) == len(told)
    assert all(start.startswith(one) for start, one in zip(starts, told, strict=True)), lines
    assert [server.view("https://example.com/") for _ in range(2)] == [200, 200]
    assert server.view("https://example.com/", User_Agent="curl/9.0") == 400
    wait_until(lambda: server.logged()[-1]["error"] == "bot session filtered", "the line")
    assert server.logged()[-1]["source_ip"] == "8.8.8.8"


def test_no_toml_changes_nothing(server: Reloaded) -> None:
    server.file.write_text("port = = 1")
    (told,) = server.hang_up()
    assert "is not valid TOML" in told
    server.file.unlink()
    (told,) = server.hang_up()
    assert "there is no file" in told


def test_values_are_shown_as_they_are_written() -> None:
    assert [show(value) for value in (None, "", (), True, 10.0, (("www.a", "a"),))] == [
        *("empty",) * 3,
        "true",
        "10.0",
        "www.a=a",
    ]
    assert len(show(tuple("abcdefgh" * 20))) == 83


def test_nothing_is_lost_under_load(tmp_path: Path) -> None:
    with Reloaded(tmp_path) as server:
        server.initial["eventstore_max_batch_timeout"] = "1s"
        server.write()
        server.start()
        mmdb.write(tmp_path / "other.mmdb", {"10.0.0.0/8": {"country_code": "FJ"}})
        loads = [Load(server.port, "load", 0.05)]
        for number in range(4):
            flow(loads)
            *_, told = server.reload(
                origins=f"example.com,{number}.example",
                trailing_slash=("keep", "drop")[number % 2],
                bot_allow=f"none-{number}",
                geoip_db=("", str(tmp_path / "other.mmdb"))[number % 2],
                access_log=str(tmp_path / f"{number}.log"),
                api_events_rate_limit=(0, 1_000_000)[number % 2],
                min_free_space=f"{number}KB",
                trust_proxy=("auto", "true")[number % 2],
            )
            assert told == f"the configuration was reloaded: {8 if number else 4} options changed"
        flow(loads)
        for load in loads:
            load.stop()
        assert server.stop() == 0
        accepted = sum(len(load.answered) for load in loads)
        assert count(server, loads) == Outcome(accepted, accepted, 0, 0)
        logs = [line for path in tmp_path.glob("*.log") if path.name != "data.log" for line in server.logged(path.name)]
        assert sum(line["status_code"] == 200 and line["method"] == "POST" for line in logs) == accepted
