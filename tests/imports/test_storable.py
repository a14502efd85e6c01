"""What no table can take is counted by the command, and never sent: no chunk is refused for one visit of it."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from prisme.imports import storable
from prisme.imports.items import CUSTOM, DOWNLOAD, Figure, Item, Request, Row, Visit
from prisme.imports.pipeline import IN_FUTURE, Pipeline
from prisme.imports.rule_of_visits import RuleOfVisits
from prisme.imports.tally import NOT_REGISTERED, Tally
from prisme.operations.context import Context
from prisme.operations.import_data import FIGURES, VISITS
from prisme.store.schema import EVENT_TABLES
from prisme.visit.origins import Hosts
from prisme.visit.sites import Rules, Sites
from tests.ingest.test_record import AGENTS, COUNTRIES, UA
from tests.operations.conftest import START, open_folder
from tests.operations.test_import_data import DONE, ask, make_visit, run
from tests.visit.test_salts import TTL

NOW = START + 100 * 24 * 3600 * 1_000_000
SITES = Sites(Hosts(["example.com", "[2001:db8::1]", "xn--bcher-kva.example"]), Rules())
DAY = datetime.date(2026, 9, 1)
GOOD = make_visit(0)
HUGE = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with open_folder(tmp_path_factory.mktemp("storable") / "data") as opened:
        yield opened


@pytest.fixture
def context(folder: Context) -> Context:
    with folder.loader.hold() as held:
        for table in ("sessions", *EVENT_TABLES, "imported_figures", "state.imports"):
            held.cursor.execute(f"DELETE FROM {table}")
    return folder


def store(context: Context, items: list[Item], is_own: bool = False) -> Tally:
    """Import items as a command does, and check that it counts as many as there are then."""
    tally = Tally()
    rule = RuleOfVisits("test", SITES, AGENTS, COUNTRIES, tally, TTL, 64)
    pipeline = Pipeline(rule, SITES, tally, NOW, is_own)
    bodies = [(VISITS if kind is Visit else FIGURES, chunk) for kind, chunk in pipeline.run(items)]
    merged = run(context, *bodies, DONE).merged
    found = pipeline.found
    assert (merged.visits, merged.pageviews, merged.events) == (found.visits, found.pageviews, found.events)
    assert merged.figures == found.figures
    return tally


def of_session(**changes: Any) -> Visit:
    return Visit(replace(GOOD.session, **changes), GOOD.rows)


def with_row(kind: str, at: int = START, **values: Any) -> Visit:
    return Visit(replace(GOOD.session, events=1), [*GOOD.rows, Row(kind, at, "/", **values)])


@pytest.mark.parametrize(
    ("item", "why"),
    [
        pytest.param(of_session(entry=-5), storable.BAD_TIME, id="before 1970"),
        pytest.param(of_session(exit=0), storable.BAD_TIME, id="backwards"),
        pytest.param(of_session(exit=2**63), IN_FUTURE, id="beyond 64 bits"),
        pytest.param(of_session(exit=NOW + 2 * 24 * 3600 * 1_000_000), IN_FUTURE, id="in the future"),
        pytest.param(of_session(uuid="x"), storable.BAD_ID, id="no uuid"),
        pytest.param(of_session(uuid=GOOD.session.uuid[:14] + "4" + GOOD.session.uuid[15:]), storable.BAD_ID, id="v4"),
        pytest.param(of_session(status=-1), storable.BAD_COUNT, id="negative status"),
        pytest.param(of_session(status=70_000), storable.BAD_COUNT, id="large status"),
        pytest.param(of_session(pageviews=2**33), storable.BAD_COUNT, id="too many pageviews"),
        pytest.param(of_session(events=-1), storable.BAD_COUNT, id="negative events"),
        pytest.param(of_session(entry_path="/" * HUGE), storable.TOO_LONG, id="long path"),
        pytest.param(of_session(visitor="v" * HUGE), storable.TOO_LONG, id="long visitor id"),
        pytest.param(of_session(domain=""), NOT_REGISTERED, id="no site"),
        pytest.param(of_session(domain="\ud800"), NOT_REGISTERED, id="a surrogate for a site"),
        pytest.param(of_session(domain="*.example.com"), NOT_REGISTERED, id="a wildcard"),
        pytest.param(with_row("other"), storable.BAD_KIND, id="kind"),
        pytest.param(with_row(CUSTOM, -(2**63)), storable.BAD_TIME, id="time of a row"),
        pytest.param(with_row(CUSTOM, 2**63), storable.BAD_TIME, id="late row"),
        pytest.param(with_row(CUSTOM, status=-7), storable.BAD_COUNT, id="status of a row"),
        pytest.param(with_row(CUSTOM, name="n" * HUGE), storable.TOO_LONG, id="long name"),
        pytest.param(with_row(DOWNLOAD), storable.NO_LINK, id="no link"),
        pytest.param(Figure("example.com", DAY, visitors=2**64), storable.BAD_COUNT, id="a count of 2^64"),
        pytest.param(Figure("example.com", DAY, bounces=-1), storable.BAD_COUNT, id="a negative count"),
        pytest.param(Figure("example.com", datetime.date(1, 1, 1)), storable.BAD_TIME, id="year 1"),
        pytest.param(Figure("example.com", datetime.date(9999, 12, 31)), IN_FUTURE, id="year 9999"),
        pytest.param(Figure("example.com", DAY, "path", "v" * HUGE), storable.TOO_LONG, id="long value"),
        pytest.param(Figure("", DAY), NOT_REGISTERED, id="a figure of no site"),
        pytest.param(Request(-5, "https://example.com/", client=GOOD.session.client), storable.BAD_TIME, id="request"),
        pytest.param(Request(2**63, "https://example.com/", client=GOOD.session.client), IN_FUTURE, id="late request"),
    ],
)
def test_bad_items_are_counted(item: Item, why: str, context: Context) -> None:
    tally = store(context, [make_visit(1), item, make_visit(2), Figure("example.com", DAY, visitors=1)])
    assert tally.skipped == {why: 1}
    assert ask(context, "SELECT count(*), (SELECT count(*) FROM imported_figures) FROM sessions") == [(2, 1)]


@pytest.mark.parametrize("is_own", [False, True])
def test_an_empty_site_is_none(is_own: bool, context: Context) -> None:
    """Own exports are taken whatever their sites are."""
    tally = store(context, [of_session(domain=""), Figure("", DAY)], is_own)
    assert tally.skipped == {storable.NO_SITE if is_own else NOT_REGISTERED: 2}


@pytest.mark.parametrize(
    ("properties", "stored", "left_out"),
    [
        ('{"n": 1.10}', '{"n": 1.10}', 0),
        ("", "{}", 1),
        ("{a", "{}", 1),
        ('{"a": NaN}', "{}", 1),
        ('{"a": "\\ud800"}', "{}", 1),
        ('{"a": "\ud800"}', "{}", 1),
        ("[1]", "{}", 1),
        ("[" * 3000 + "]" * 3000, "{}", 1),
        ('{"a": "' + "b" * HUGE + '"}', "{}", 1),
    ],
)
@pytest.mark.parametrize("is_request", [False, True])
def test_properties_are_an_object(
    properties: str, stored: str, left_out: int, is_request: bool, context: Context
) -> None:
    request = Request(
        START, "https://example.com/", "", "8.8.8.8", UA.decode(), kind=CUSTOM, name="a\0b", properties=properties
    )
    tally = store(context, [request if is_request else with_row(CUSTOM, name="a\0b", properties=properties)])
    assert ask(context, "SELECT name, properties FROM events_custom") == [("a\0b", stored)]
    assert tally.skipped == ({storable.NO_OBJECT: left_out} if left_out else {})


def test_texts_that_are_no_unicode_are_repaired(context: Context) -> None:
    visit = Visit(replace(GOOD.session, entry_path="/a\ud800", visitor="\0", events=1), [
        *GOOD.rows, Row(CUSTOM, START, "/\udfff", name="\ud800", properties="{}")
    ])  # fmt: skip
    figure = Figure("example.com", DAY, "path", "/\ud800\0", visitors=1)
    assert not store(context, [visit, figure]).skipped
    assert ask(context, "SELECT entry_path, visitor_id FROM sessions") == [("/a\ufffd", "\0")]
    assert ask(context, "SELECT path, name FROM events_custom") == [("/\ufffd", "\ufffd")]
    assert [text.isprintable() for (text,) in ask(context, "SELECT value FROM imported_figures")] == [False]


def test_figures_for_one_value_are_added_up(context: Context) -> None:
    """As those of hosts that are one site."""
    figures: list[Item] = [Figure("example.com", DAY, visitors=count) for count in (1, 2, 3)]
    tally, rule = Tally(), RuleOfVisits("test", SITES, AGENTS, COUNTRIES, Tally(), TTL, 64)
    ((_, chunk),) = Pipeline(rule, SITES, tally, NOW, False).run(figures)
    assert run(context, (FIGURES, chunk), DONE).merged.figures == 1
    assert ask(context, "SELECT visitors FROM imported_figures") == [(6,)]


@pytest.mark.parametrize("status", [0, 99, 600, 999, 10**9])
def test_a_status_that_does_not_exist_says_nothing(status: int, context: Context) -> None:
    store(context, [Request(START, "https://example.com/", "", "8.8.8.8", UA.decode(), status=status)])
    assert ask(context, "SELECT status FROM pageviews") == [(200,)]


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("EXAMPLE.com:8080", "example.com:8080"),
        ("[2001:DB8::1]:81", "[2001:db8::1]:81"),
        ("[2001:db8:0::1]", "[2001:db8::1]"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("example.com.", "example.com"),
    ],
)
def test_hosts_are_normalised(written: str, domain: str, context: Context) -> None:
    visit = replace(GOOD, session=replace(GOOD.session, domain=written))
    store(context, [visit, Figure(written, DAY, visitors=1)])
    assert ask(context, "SELECT domain FROM sessions UNION ALL SELECT domain FROM imported_figures") == [(domain,)] * 2


def test_figures_that_change_count_a_day_earlier_in_other_zones(context: Context) -> None:
    log = context.database.load_log
    store(context, [Figure("example.com", DAY, visitors=1)])
    done = log.done
    tally, rule = Tally(), RuleOfVisits("test", SITES, AGENTS, COUNTRIES, Tally(), TTL, 64)
    ((_, chunk),) = Pipeline(rule, SITES, tally, NOW, False).run([Figure("example.com", DAY, visitors=2)])
    assert run(context, (FIGURES, chunk)).merged.grown == 1
    since = log.since(done)
    midnight = int(datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC).timestamp()) * 1_000_000
    assert since is not None
    assert since <= midnight - 14 * 3600 * 1_000_000
