"""The queries of the dashboard that reads ClickHouse, with what Grafana puts in: the figures that the stats API has."""

import datetime
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from prisme.base.timexpr import SECOND
from prisme.stats.columns import TOPS as LISTS
from prisme.stats.figures import FRAMES, read_figure_query
from prisme.stats.grafana.clickhouse import ClickHouse
from prisme.stats.grafana.dashboard import build_dashboard_model
from prisme.stats.grafana.panels import SERIES, TOPS, TOTALS
from prisme.stats.queries import Stats
from prisme.store.clickhouse.readers import Readers
from tests.checkout import ROOT
from tests.clickhouse.engine import Engine
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR

Rows = list[list[Any]]
Ask = Callable[[str, dict[str, str]], Rows]
# Spans in microseconds, that begin as a bucket does, with the zone and the interval. Summer ends on 25 October in
# Berlin and on 1 November in New York; on 4 October, it begins on Lord Howe Island, by half an hour.
SPANS = [
    (FIRST, FIRST + 40 * DAY, "utc", "day"),
    (FIRST - 2 * HOUR, FIRST + 30 * DAY - 2 * HOUR, "Europe/Berlin", "day"),
    (FIRST + 20 * DAY + 30 * 60 * SECOND, FIRST + 27 * DAY, "Europe/Berlin", "hour"),
    (FIRST + 4 * HOUR, FIRST + 40 * DAY, "America/New_York", "month"),
    (FIRST + 3 * DAY + 18 * HOUR + HOUR // 4, FIRST + 25 * DAY, "Asia/Kathmandu", "week"),
    (FIRST - 11 * HOUR + HOUR // 2, FIRST + 12 * DAY, "Australia/Lord_Howe", "day"),
    (FIRST + DAY, FIRST + DAY + 123_000, "utc", "minute"),
]
IDS = [f"{zone}-{interval}" for *_, zone, interval in SPANS]
SITES = [[], DOMAINS[:1], DOMAINS]


def interpolate(text: str, sites: list[str], start: int, end: int, zone: str, interval: str) -> str:
    """A query as the plugin sends it: first `$__conditionalAll`, then the variables, then the other macros."""
    text = re.sub(r"\$__conditionalAll\(((?:[^()]|\([^()]*\))*), \$site\)", r"\1" if sites else "1=1", text)
    quoted = ",".join("'{}'".format(site.replace("'", "''")) for site in sites)
    for name, value in {
        "${site:sqlstring}": quoted,
        "${__timezone}": zone,
        "${interval}": interval,
        "$__fromTime_ms": f"fromUnixTimestamp64Milli({start // 1000})",
        "$__toTime_ms": f"fromUnixTimestamp64Milli({end // 1000})",
    }.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


@pytest.fixture
def ask(engine: Engine, readers: Readers) -> Ask:
    """Ask as a user who may only read, in whose connection the database is chosen."""

    def run(text: str, types: dict[str, str]) -> Rows:
        query = {"database": readers.place.database, "readonly": "1"}
        url = f"http://127.0.0.1:{engine.port}/"
        response = httpx.post(url, params=query, content=f"{text}\nFORMAT JSONCompact", trust_env=False, verify=False)
        assert response.status_code == 200, (text, response.text)
        answer = json.loads(response.text)
        types |= {column["name"]: column["type"] for column in answer["meta"]}
        return list(answer["data"])

    return run


def target(query: Any) -> str:
    """The text of the only target."""
    (only,) = query.targets
    return str(only["rawSql"])


def frame(name: str, stats: Stats, sites: list[str], start: int, end: int, zone: str, interval: str) -> Any:
    """What the stats API answers."""
    given = {
        "from": moment(start),
        "to": moment(end),
        "tz": zone,
        **({"interval": interval} if name in FRAMES and not name.startswith("top") else {}),
        **({"domain": ",".join(sites)} if sites else {}),
    }
    return FRAMES[name](stats, read_figure_query(name, given, end), end)


def moment(microseconds: int) -> str:
    """As Grafana writes a time."""
    at = datetime.datetime.fromtimestamp(microseconds // SECOND, datetime.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{microseconds % SECOND // 1000:03}Z"


def numbers(values: list[Any]) -> list[Any]:
    """As `pytest.approx` compares them: an average is a sum of the rows in any order."""
    return [None if value is None else pytest.approx(float(value)) for value in values]


@pytest.mark.parametrize("sites", SITES, ids=len)
@pytest.mark.parametrize("span", SPANS, ids=IDS)
def test_totals(span: tuple[int, int, str, str], sites: list[str], ask: Ask, duckdb_stats: Stats) -> None:
    start, end, zone, _ = span
    given = {"from": moment(start), "to": moment(end), "tz": zone} | ({"domain": ",".join(sites)} if sites else {})
    query = read_figure_query("visitors", given, end)
    wanted = {
        name: one.total
        for name, one in duckdb_stats.series(
            ("visitors", "sessions", "pageviews", "bounces", "sessions-duration"), query.filters, query.span
        ).items()
    }
    types: dict[str, str] = {}
    (found,) = ask(interpolate(target(ClickHouse().totals()), sites, *span), types)
    assert list(types) == list(TOTALS)
    rate = wanted["bounces"] / wanted["sessions"] if wanted["sessions"] else None
    duration = wanted["sessions-duration"] if wanted["sessions"] else None
    expected = [wanted["visitors"], wanted["sessions"], wanted["pageviews"], rate, duration]
    assert found == numbers(expected)


@pytest.mark.parametrize("sites", SITES[:2], ids=len)
@pytest.mark.parametrize("span", SPANS, ids=IDS)
@pytest.mark.parametrize("series", SERIES, ids=lambda one: one.name)
def test_series(series: Any, span: tuple[int, int, str, str], sites: list[str], ask: Ask, duckdb_stats: Stats) -> None:
    types: dict[str, str] = {}
    text = interpolate(target(ClickHouse().series(series)), sites, *span)
    rows = ask(text, types)
    assert list(types) == ["time", series.title]
    assert types["time"].startswith("DateTime("), "a time that Grafana takes for one"
    # The text of a time would not say which of two equal hours it is.
    found = dict(ask(f"SELECT toUnixTimestamp(time), * EXCEPT time FROM ({text})", {}))
    assert len(found) == len(rows)
    if series.name == "bounce-rate":
        bounces, sessions = (frame(name, duckdb_stats, sites, *span) for name in ("bounces", "sessions"))
        by_key = {
            key: part / whole
            for key, part, whole in zip(bounces.keys, bounces.values, sessions.values, strict=True)
            if whole
        }
    else:
        one = frame(series.name, duckdb_stats, sites, *span)
        by_key = dict(zip(one.keys, one.values, strict=True))
    # Buckets without rows are not there.
    assert {key: found.get(key, 0) for key in by_key} == dict(zip(by_key, numbers([*by_key.values()]), strict=True))
    assert set(found) <= set(by_key)


@pytest.mark.parametrize("sites", SITES, ids=len)
@pytest.mark.parametrize("top", TOPS, ids=lambda one: one.name)
def test_tops(top: Any, sites: list[str], ask: Ask, duckdb_stats: Stats) -> None:
    span = SPANS[1]
    wanted = frame(top.name, duckdb_stats, sites, *span)
    types: dict[str, str] = {}
    rows = ask(interpolate(target(ClickHouse().top(top)), sites, *span), types)
    assert list(types) == [top.key, top.unit]
    assert rows == [[key, value] for key, value in zip(wanted.keys, wanted.values, strict=True)]
    assert rows, "no rows to compare"


def test_sites(ask: Ask, duckdb_stats: Stats) -> None:
    assert ask(ClickHouse().sites()["query"], {}) == [[domain] for domain, _ in duckdb_stats.domains()]


def test_statements_for_a_user_are_well_formed(ask: Ask) -> None:
    """They cannot run here: the engine of tests has no users."""
    (text,) = re.findall(r"^```sql\n(.*?)^```$", (ROOT / "docs" / "grafana.md").read_text(), re.DOTALL | re.MULTILINE)
    create, grant = (one.strip() for one in text.split(";") if one.strip())
    for statement in (create, grant):
        quoted = statement.replace("'", "''")
        assert ask(f"SELECT formatQuery('{quoted}')", {})
    assert re.match(r"GRANT SELECT ON \S+ TO grafana$", grant)


def test_every_query_of_the_dashboard_is_one_of_these() -> None:
    queries = [one["rawSql"] for panel in build_dashboard_model("clickhouse")["panels"] for one in panel["targets"]]
    source = ClickHouse()
    assert queries == [
        target(query) for query in (source.totals(), *map(source.series, SERIES), *map(source.top, TOPS))
    ]
    assert {one.name for one in TOPS} <= set(LISTS)
