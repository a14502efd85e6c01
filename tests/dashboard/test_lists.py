"""What a dashboard is made of, part by part: terms of filters, periods, numbers, sources, countries, charts."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.timexpr import SECOND
from prisme.dashboard import chart, countries, lists, numbers, sources, state, terms
from prisme.dashboard.state import PERIODS, State
from prisme.stats import filters
from prisme.stats.parameters import COMPARE, StatsQuery, read_query

NOW = int(datetime(2026, 11, 24, 15, 30, tzinfo=UTC).timestamp()) * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
TEXTS = st.text(min_size=1, max_size=20)


def read(state: State) -> StatsQuery:
    return read_query(state.question(), NOW, COMPARE)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.booleans())
def test_terms_are_what_filters_read(texts: list[str], excludes: bool) -> None:
    raw = ",".join(terms.write(text, excludes=excludes) for text in texts)
    found = filters.read({"event": raw})["event"]
    assert (found.excludes if excludes else found.includes) == tuple((text,) for text in texts)
    assert [terms.show(term)[1] for term in terms.split(raw)] == texts
    assert {terms.show(term)[0] for term in terms.split(raw)} == {"is not" if excludes else "is"}


@given(st.lists(TEXTS, max_size=4, unique=True), TEXTS)
def test_a_term_comes_and_goes(texts: list[str], text: str) -> None:
    raw, term = ",".join(map(terms.write, texts)), terms.write(text)
    more = terms.add(raw, term)
    assert terms.split(more).count(term) == 1
    assert set(terms.split(more)) == {*terms.split(raw), term}
    assert term not in terms.split(terms.toggle(more, term))
    assert terms.toggle("", term) == term
    opposite = "!" + term
    assert terms.split(terms.add(more, opposite))[-1] == opposite
    assert term not in terms.split(terms.add(more, opposite))


@pytest.mark.parametrize("name", PERIODS)
def test_each_period_is_a_question(name: str) -> None:
    found = read(State({"period": name}, NOW - 400 * 86_400 * SECOND, ""))
    assert found.span.start < found.span.end <= NOW + 86_400 * SECOND
    assert (found.compared is None) == (name == "all")


@pytest.mark.parametrize(
    ("given", "earlier", "later"),
    [
        ({"period": "today"}, ("2026-11-23", "2026-11-23"), None),
        ({"period": "yesterday"}, ("2026-11-22", "2026-11-22"), ("2026-11-24", "2026-11-24")),
        ({"period": "7d"}, ("2026-11-11", "2026-11-17"), None),
        ({"period": "28d"}, ("2026-09-30", "2026-10-27"), None),
        ({"period": "month"}, ("2026-10-01", "2026-10-31"), None),
        ({"period": "year"}, ("2025-01-01", "2025-12-31"), None),
        ({"from": "2026-02-01", "to": "2026-02-28"}, ("2026-01-01", "2026-01-31"), ("2026-03-01", "2026-03-31")),
        ({"from": "2026-03-28", "to": "2026-03-30"}, ("2026-03-25", "2026-03-27"), ("2026-03-31", "2026-04-02")),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_previous_and_next(
    given: dict[str, str], earlier: tuple[str, str], later: tuple[str, str] | None, zone: str
) -> None:
    found = read(State({**given, "tz": zone}, None, ""))
    before, after = state.shift(found, NOW, -1), state.shift(found, NOW, 1)
    assert before is not None
    assert (before["from"], before["to"]) == earlier
    assert (after and (after["from"], after["to"])) == later


def test_half_an_hour_before() -> None:
    found = read(State({"period": "30m"}, None, ""))
    assert state.shift(found, NOW, -1) == {
        "period": None,
        "from": str(NOW // SECOND - 3600),
        "to": str(NOW // SECOND - 1800),
    }


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"period": "today"}, "24 Nov 2026"),
        ({"period": "7d"}, "18 to 24 Nov 2026"),
        ({"from": "2026-10-30", "to": "2026-11-02"}, "30 Oct to 2 Nov 2026"),
        ({"from": "2025-12-30", "to": "2026-01-02"}, "30 Dec 2025 to 2 Jan 2026"),
        ({"period": "30m"}, "24 Nov 2026, 15:00 to 15:29"),
        ({"period": "24h"}, "23 Nov 2026, 15:30 to 24 Nov 2026, 15:29"),
    ],
    ids=str,
)
def test_spans_in_words(given: dict[str, str], text: str) -> None:
    assert state.describe(read(State(given, None, ""))) == text


def test_links_hold_the_whole_state() -> None:
    here = State({"period": "7d", "path": "/a b,/c"}, None, "")
    assert here.link() == "/dashboard?period=7d&path=/a%20b,/c"
    assert here.link({"path": None, "country": "DE"}) == "/dashboard?period=7d&country=DE"
    assert State({}, None, "").link() == "/dashboard"
    assert here.fields("path") == [("period", "7d")]


def test_a_wrong_period_is_named() -> None:
    with pytest.raises(ValueError, match="period: 'never' is none of"):
        State({"period": "never"}, None, "").question()
    with pytest.raises(ValueError, match="perjod: no such parameter"):
        state.read({"perjod": "7d"})


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (12_431, "12.4k"), (999_940, "1000k"), (999_950, "1.0M"), (2.5e9, "2.5B")],
)
def test_counts(value: float, text: str) -> None:
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0%"), (0.0004, "<0.1%"), (0.041, "4.1%"), (0.415, "42%"), (1, "100%")]
)
def test_percentages(value: float, text: str) -> None:
    assert numbers.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0s"), (59.6, "1m 00s"), (125, "2m 05s"), (4320, "1h 12m")])
def test_durations(value: float, text: str) -> None:
    assert numbers.duration(value) == text


def test_changes_have_words_and_a_sign() -> None:
    assert numbers.change(110, 100, "100") == numbers.Change("+", "10%", "up 10% from 100", "good")
    assert numbers.change(95, 100, "100") == numbers.Change("\N{MINUS SIGN}", "5.0%", "down 5.0% from 100", "bad")
    assert numbers.change(0.5, 0.4, "40%", less_is_better=True).kind == "bad"
    assert numbers.change(5, 0, "0").text == "new"
    assert numbers.change(0, 0, "0").sign == numbers.change(100, 100, "100").sign == "="


@pytest.mark.parametrize(
    ("host", "title"),
    [
        ("www.google.com", "Google"), ("google.co.uk", "Google"), ("mail.google.com", "Gmail"),
        ("google.example.com", "google.example.com"), ("l.facebook.com", "Facebook"), ("t.co", "X"),
        ("news.ycombinator.com", "Hacker News"), ("www.example.com", "example.com"),
        ("notfacebook.com", "notfacebook.com"),
        ("localhost:8080", "localhost:8080"), ("chatgpt.com", "ChatGPT"), ("com.slack", "Slack"),
    ],
)  # fmt: skip
def test_names_of_sources(host: str, title: str) -> None:
    assert sources.name(host) == title


def test_sources_are_grouped() -> None:
    found = sources.group(
        [("direct", 5), ("google.com", 3), ("www.google.de", 4), ("me.example", 2)], frozenset({"me.example"})
    )
    assert [(one.name, one.count, one.hosts) for one in found] == [
        ("Google", 7, ["google.com", "www.google.de"]),
        ("Direct", 5, ["direct"]),
        ("Internal", 2, ["me.example"]),
    ]


def test_countries() -> None:
    assert countries.name("DE") == "Germany"
    assert countries.name("XX") == "Unknown"
    assert countries.name("ZZ") == "ZZ"
    codes = {shape.code for shape in countries.world().shapes}
    assert {"DE", "US", "FR", "BR", "IN", "AU"} <= codes
    assert len(codes) > 170


def draw(values: list[float], whole: bool = True, now: int = NOW) -> chart.Chart:
    day = 86_400 * SECOND
    start = NOW // day * day - (len(values) - 1) * day
    edges = [start + number * day for number in range(len(values) + 1)]
    return chart.draw(edges, values, None, None, "day", ZoneInfo("UTC"), now, numbers.count, lambda *_: "", whole)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=100))
def test_charts_stay_in_their_box(values: list[int]) -> None:
    found = draw(list(map(float, values)))
    assert 2 <= len(found.ticks) <= 6
    assert all(0 <= y <= chart.HEIGHT for y, _ in found.ticks)
    assert found.ticks[0][1] == "0"
    assert len(found.points) == len(values)
    assert found.is_unfinished
    numbers_in_path = [float(part) for part in found.line.replace("M", " ").replace("L", " ").split()]
    assert all(0 <= one <= chart.WIDTH for one in numbers_in_path)


def test_an_axis_has_round_numbers() -> None:
    assert [text for _, text in draw([3, 235, 7]).ticks] == ["0", "100", "200", "300"]
    assert [text for _, text in draw([0, 1, 2]).ticks] == ["0", "1", "2"]
    assert [text for _, text in draw([0, 0]).ticks] == ["0", "1"]


def test_a_chart_that_is_over_has_no_open_end() -> None:
    found = draw([1, 2, 3], now=NOW + 86_400 * SECOND)
    assert not found.is_unfinished
    assert found.unfinished == ""
    assert found.points[0].label == "Sun 22 Nov"


def test_labels_are_of_the_zone() -> None:
    assert chart.label(NOW, "hour", BERLIN) == "16:30"
    assert chart.label(NOW, "week", BERLIN) == "24 Nov"


def test_a_source_filters_by_all_of_its_hosts() -> None:
    hosts = [f"s{number}.search.google.com" for number in range(300)]
    here = State({}, None, "UTC")
    (row,) = lists.build(here, lists.SOURCES, [(host, 1) for host in hosts], 300, frozenset(["example.com"])).rows
    assert row.value == "300"
    only = parse_qs(urlsplit(row.only).query)["referrer"][0]
    assert filters.read({"referrer": only})["referrer"].includes == tuple((host,) for host in hosts)


def test_a_source_with_more_hosts_than_a_filter_can_name_is_no_filter() -> None:
    hosts = [f"{'s' * 60}{number}.google.com" for number in range(200)]
    (row,) = lists.build(State({}, None, ""), lists.SOURCES, [(host, 1) for host in hosts], 0, frozenset()).rows
    assert (row.value, row.only, row.exclude) == ("200", "", "")
