"""Goals and funnels against the lines of a journal, counted in plain Python, for any goals, filters and spans."""

import itertools
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.goals import Definitions, Funnel, Goal
from prisme.stats import filters
from prisme.stats.funnels import FunnelFigures, build_funnel_figures
from prisme.stats.goal_conditions import resolve
from prisme.stats.goals import GoalFigures, build_goal_figures
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.stats.zones import open_zone
from prisme.store.reader import Reader
from tests.stats import lines
from tests.stats.conftest import fill_database
from tests.stats.goal_oracle import EVENTS, GOALS, PATHS, SITES, count_goal, count_steps, reaches
from tests.stats.lines import DAY, FIRST, LAST
from tests.stats.oracle import Journal, Made, Oracle
from tests.stats.strategies import made_filters, many, read, spans

AMOUNTS = [
    "19.90",
    "0.00005",
    "-3",
    "1e2",
    '"7.25"',
    '"7,25"',
    '" 5 "',
    "true",
    "null",
    '"1e15"',
    "99999999999999",
    "[1]",
]
CURRENCIES = ['"EUR"', '"eur"', '"USD"', '"USD"', '"usd"', '"euro"', "3", '""']


def make_properties(noise: random.Random) -> str:
    members = [f'"plan":{noise.choice(["1", "true", chr(34) + "pro" + chr(34), "null"])}'] * noise.randrange(2)
    members += [f'"revenue":{noise.choice(AMOUNTS)}' for _ in range(noise.randrange(1, 3))]
    members += [f'"currency":{noise.choice(CURRENCIES)}'] * noise.randrange(2)
    noise.shuffle(members)
    return "{" + ",".join(members) + "}"


def make_journal() -> list[bytes]:
    """Visits whose events have prices, and more events than elsewhere."""
    noise = random.Random(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "PROPERTIES", [make_properties(noise) for _ in range(200)])
        patch.setattr(lines, "PATHS", ["/", "/a", "/a/b", "/blog/x", "/caf%C3%A9/1"])
        return list(lines.make_lines(11, 300))


LINES = make_journal()
JOURNAL = Journal(LINES)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    database = fill_database(tmp_path_factory.mktemp("goals"), LINES)
    with Reader(database, 3600.0) as opened:
        yield opened
    database.close()


pages = st.builds(
    Goal, st.just(0), st.sampled_from([*SITES]), st.sampled_from("ABC"), st.just("page"), st.sampled_from([*PATHS])
)
events = st.builds(
    Goal,
    st.just(0),
    st.sampled_from([*SITES]),
    st.sampled_from("ABC"),
    st.just("event"),
    st.sampled_from([*EVENTS]),
    st.sampled_from(["", "plan", "revenue", "odd/~"]),
    st.sampled_from(["", "pro", "true", "1", "100.0"]),
    st.sampled_from(["", "revenue", "plan"]),
    st.sampled_from(["", "currency"]),
)
goal_lists = st.lists(pages | events, min_size=1, max_size=5, unique_by=lambda goal: (goal.site, goal.name)).map(
    lambda goals: tuple(sorted(goals, key=lambda goal: (goal.site, goal.name)))
)


def make_query(start: int, end: int, given: filters.Filters, compared: Span | None = None) -> StatsQuery:
    return StatsQuery(Span(start, end, [start, end]), open_zone("UTC"), "day", Page(), "", given, compared)


def rows_within(made: Made, start: int, end: int) -> list[dict[str, Any]]:
    """All pageviews and events of the sessions that match, in the order of the journal."""
    left = Oracle(JOURNAL, made).left
    found = [row for kind in ("pageview", "custom") for row in JOURNAL.rows[kind]]
    return [row for row in found if row["uuid"] in left and start <= row["at"] < end]


@given(goal_lists, made_filters, spans)
@settings(many, max_examples=many.max_examples // 2)
def test_goals_are_counted(reader: Reader, goals: tuple[Goal, ...], made: Made, span: tuple[int, int]) -> None:
    made = {name: terms for name, terms in made.items() if name != "domain"}
    start, end = span[0], max(span[1], span[0] + 1)
    stats = Stats(reader, None, Definitions(goals))
    found = build_goal_figures(stats, make_query(start, end, read(made), Span(start - DAY, start, [])))
    assert {row.goal for row in found.goals} == {goal.name for goal in goals}
    all_ = Oracle(JOURNAL, made).total("visitors", Span(start, end, []))
    assert found.visitors == all_
    rows, before = rows_within(made, start, end), rows_within(made, start - DAY, start)
    for row in found.goals:
        own = [goal for goal in goals if goal.name == row.goal]
        visitors, conversions, sums = count_goal(own, rows)
        assert (row.visitors, row.conversions) == (visitors, conversions)
        assert row.rate == (min(visitors / all_, 1) if all_ else 0)
        assert {one.currency: (one.sum, one.count) for one in row.sums} == sums
        assert (row.compared_visitors, row.compared_conversions) == count_goal(own, before)[:2]


funnel_goals = st.lists(pages | events, min_size=4, max_size=4).map(
    lambda goals: [Goal(0, "example.com", name, *rest(goal)) for name, goal in zip("ABCD", goals, strict=True)]
)


def rest(goal: Goal) -> tuple[Any, ...]:
    return goal.kind, goal.pattern, goal.property, goal.value


@given(funnel_goals, st.lists(st.sampled_from("ABCD"), min_size=2, max_size=4), made_filters, spans)
@settings(many, max_examples=many.max_examples // 2)
def test_funnels_are_counted(
    reader: Reader, goals: list[Goal], steps: list[str], made: Made, span: tuple[int, int]
) -> None:
    made = {name: terms for name, terms in made.items() if name != "domain"}
    start, end = span[0], max(span[1], span[0] + 1)
    funnels = (Funnel(1, "example.com", "One", tuple(steps)), Funnel(2, "example.com", "Two", ("D", "A")))
    stats = Stats(reader, None, Definitions(tuple(goals), funnels))
    found = build_funnel_figures(stats, make_query(start, end, read(made)))
    by_name = {goal.name: goal for goal in goals}
    rows = rows_within(made, start, end)
    for funnel, row in zip(funnels, found.funnels, strict=True):
        visits = count_steps([by_name[step] for step in funnel.steps], rows)
        assert [step.visits for step in row.steps] == visits
        first = visits[0]
        assert [step.rate for step in row.steps] == [count / first if first else 0 for count in visits]
        assert row.rate == row.steps[-1].rate
        dropped = [(before - count) / before if before else 0 for before, count in itertools.pairwise(visits)]
        assert [step.dropped for step in row.steps] == [0, *dropped]


def test_the_journal_has_all_that_goals_are_about(reader: Reader) -> None:
    goal = Goal(0, "*.example.com", "Sale", "event", "*", "", "", "revenue", "currency")
    page = Goal(0, "*.example.com", "Any", "page", "*")
    definitions = Definitions((page, goal), (Funnel(1, "*.example.com", "Way", ("Any", "Any", "Sale", "Any")),))
    stats, query = Stats(reader, None, definitions), make_query(FIRST, LAST + DAY, {})
    sale = next(row for row in build_goal_figures(stats, query).goals if row.goal == "Sale")
    assert "" in {one.currency for one in sale.sums}
    assert len(sale.sums) > 1
    assert any(one.sum % 1 for one in sale.sums)
    assert sale.conversions > sum(one.count for one in sale.sums) > 5
    visits = [step.visits for step in build_funnel_figures(stats, query).funnels[0].steps]
    assert all(before > after > 0 for before, after in itertools.pairwise(visits))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", {"Blog", "Click"}),
        ("shop.example.com:8080", {"Click", "Home, or so*"}),
        ("*.com:8080", {"Click"}),
        ("!example.com", {"Click", "Home, or so*"}),
        ("shop.example.com", {"Click", "Home, or so*"}),
        ("other.example", set()),
        ("example.c*", {"Blog", "Click"}),
    ],
)
def test_only_goals_of_the_chosen_sites_are_listed(reader: Reader, text: str, expected: set[str]) -> None:
    stats = Stats(reader, None, Definitions(GOALS))
    found = build_goal_figures(stats, make_query(FIRST, LAST, filters.read({"domain": text})))
    assert {row.goal for row in found.goals} == expected


def test_rows_of_other_domains_do_not_count(reader: Reader) -> None:
    page = Goal(0, "*.example.com", "Any", "page", "*")
    for domains, expected in ((("example.com",), 0), (("shop.example.com:8080",), 1)):
        found = build_goal_figures(Stats(reader, domains, Definitions((page,))), make_query(FIRST, LAST + DAY, {}))
        assert min(found.goals[0].visitors, 1) == expected
        assert reaches(page, {"domain": domains[0], "kind": "pageview", "path": "/"}) == bool(expected)


@pytest.mark.parametrize(("text", "goals"), [("Nothing", GOALS), ("!Nothing,Blog", GOALS), ("Blog", ())])
def test_a_filter_on_an_unknown_goal_is_refused(text: str, goals: tuple[Goal, ...]) -> None:
    with pytest.raises(InputError, match=r"goal: there is no goal '(Nothing|Blog)'; (such as goal=Blog|an admin adds)"):
        resolve(filters.read({"goal": text}), goals)


def test_as_csv(reader: Reader) -> None:
    query = make_query(FIRST, FIRST + 1, {})
    names = [Goal(0, "example.com", "=A, B", "page", "/"), Goal(0, "example.com", "C", "event", "c")]
    definitions = Definitions(tuple(names), (Funnel(1, "example.com", "F", ("C", "=A, B")),))
    goals: GoalFigures = build_goal_figures(Stats(reader, None, definitions), query)
    assert goals.to_csv().splitlines() == [
        "goal,visitors,conversions,rate,currency,sum",
        '"=A, B",0,0,0.0,,',
        "C,0,0,0.0,,",
    ]
    assert goals.to_csv(spreadsheet=True).splitlines()[1].startswith('"\'=A, B",0')
    funnels: FunnelFigures = build_funnel_figures(Stats(reader, None, definitions), query)
    assert funnels.to_csv().splitlines() == [
        "funnel,site,step,goal,visits,rate,dropped",
        "F,example.com,1,C,0,0.0,0.0",
        'F,example.com,2,"=A, B",0,0.0,0.0',
    ]


def test_sums_have_no_zeros_at_their_end() -> None:
    from prisme.stats.goals import _shorten

    texts = {"12.5000": "12.5", "1200.0000": "1200", "0.0000": "0", "-0.0001": "-0.0001"}
    assert {text: f"{_shorten(Decimal(text)):f}" for text in texts} == texts
