"""Hypothesis strategies for the filters, spans and intervals of a query."""

import datetime
from urllib.parse import unquote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from prisme.base.timexpr import Interval, edges
from prisme.stats import filters, goal_conditions
from prisme.stats.selection import Span
from tests.faults.load import LONG
from tests.stats.goal_oracle import GOALS
from tests.stats.lines import CLIENTS, DAY, DOMAINS, EVENT_NAMES, FIRST, LAST, PATHS, REFERRERS, URLS
from tests.stats.oracle import Made, Term


def terms(texts: list[str]) -> st.SearchStrategy[list[Term]]:
    """Generate filters that match some, all or none of these texts."""
    whole = st.sampled_from(texts).map(lambda text: (text,))
    cut = st.sampled_from(texts).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda middle: (text[:middle], text[middle:]))
    )
    prefix = st.sampled_from(texts).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: (text[:end], "")))
    any_ = st.lists(st.text("/ab%_*!,\\x0", max_size=3), min_size=1, max_size=3).map(tuple)
    decoded = st.sampled_from(texts).map(lambda text: (unquote(text),))
    made = st.builds(Term, st.booleans(), whole | cut | prefix | any_ | decoded)
    # A term without any text is the empty text; the whole filter may not be empty, as that is none.
    return st.lists(made, min_size=1, max_size=3).filter(lambda made: ",".join(map(str, made)) != "")


def known_terms(texts: list[str]) -> st.SearchStrategy[list[Term]]:
    """Generate filters that match some of these texts, as those on goals have to."""
    made = st.builds(Term, st.booleans(), st.sampled_from([(text,) for text in texts] + [(texts[0][:1], "")]))
    return st.lists(made, min_size=1, max_size=3)


VALUES = {
    "domain": DOMAINS,
    "path": PATHS,
    "entry-path": PATHS,
    "exit-path": PATHS,
    "referrer": REFERRERS,
    "source": ["letter", "Google", "Internal", "Direct", "ChatGPT", "example.org"],
    "channel": ["Direct", "Internal", "Email", "Referral", "AI assistants", "Paid search", "Paid other"],
    "os": [client.os for client in CLIENTS],
    "browser": [client.browser for client in CLIENTS],
    "device": [client.device for client in CLIENTS],
    "device-type": [client.type for client in CLIENTS],
    "country": ["FR", "DE", "XX"],
    "region": ["Bavaria (DE)", "Paris (FR)", "FR-IDF (FR)", ""],
    "city": ["Paris (FR)", "Paris (DE)", "Ås, 100% (XX)", ""],
    "utm-source": ["letter", "Letter", ""],
    "utm-medium": ["mail", "cpc", ""],
    "utm-campaign": ["spring", "autumn, late", ""],
    "utm-term": ["x*", ""],
    "utm-content": ["a", ""],
    "event": EVENT_NAMES,
    "status": ["200", "404", "500"],
    "goal": sorted({goal.name for goal in GOALS}),
    "outbound-link": URLS,
    "file-download": URLS,
    "imported": ["no", "goatcounter-1"],
}
# Of properties, those that `lines.py` sends, and one that it does not.
PROPERTY_VALUES = {
    "prop.plan": ["pro", "free", ""],
    "prop.seats": ["2", "3", "4"],
    "prop.a/b~c": ['[1,{"x":null}]', "0"],
    "prop.a~1b": ["1", "2"],
    "prop.": ["true"],
    "prop.none": ["pro"],
}
_ALL_VALUES = VALUES | PROPERTY_VALUES


def terms_of(name: str) -> st.SearchStrategy[list[Term]]:
    return (known_terms if name == "goal" else terms)(_ALL_VALUES[name])


def make_filters(names: list[str], most: int = 3) -> st.SearchStrategy[Made]:
    """Generate some of these filters."""
    return st.lists(st.sampled_from(names), max_size=most, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: terms_of(name) for name in chosen})
    )


made_filters = make_filters(sorted(_ALL_VALUES))
spans = st.tuples(st.integers(FIRST - DAY, LAST), st.integers(0, 42 * DAY)).map(lambda drawn: (drawn[0], sum(drawn)))
many = settings(
    max_examples=150 if LONG else 16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(made: Made) -> filters.Filters:
    given = filters.read({name: ",".join(map(str, one)) for name, one in made.items()})
    return goal_conditions.resolve(given, GOALS)


def span_of(start: int, end: int, interval: Interval, zone: datetime.tzinfo) -> Span:
    return Span(start, end, edges(start, end, interval, zone, 100_000), zone)
