"""The lists of a short span against plain Python, for random spans and filters."""

from collections import Counter, defaultdict
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.stats.short_lists import LISTS, Count, count_lists
from prisme.store.reader import Reader
from tests.stats.lines import DOMAINS, LINES
from tests.stats.oracle import Journal, Made, Oracle, source_of
from tests.stats.strategies import made_filters, many, read, spans

JOURNAL = Journal(LINES)
KEYS: dict[str, Callable[[dict[str, Any]], str]] = {"top-sources": source_of, "top-countries": itemgetter("country")}


def count(oracle: Oracle, name: str, span: Span, what: Count) -> Counter[str]:
    rows: dict[str, list[str]] = defaultdict(list)
    for row in oracle.rows("pageview", span.start, span.end):
        state = JOURNAL.sessions[row["uuid"]]
        rows[row["path"] if name == "top-pages" else KEYS[name](state)].append(row["visitor"])
    return Counter({key: len(set(who) if what == "visitors" else who) for key, who in rows.items() if key})


@many
@given(made_filters, spans, st.sampled_from(["visitors", "pageviews"]))
def test_lists_equal_plain_python(reader: Reader, made: Made, times: tuple[int, int], what: Count) -> None:
    span, oracle = Span(*times, list(times)), Oracle(JOURNAL, made)
    found = count_lists(Stats(reader, None), read(made), span, what, 10_000)
    assert list(found) == list(LISTS)
    for name, rows in found.items():
        assert rows == sorted(count(oracle, name, span, what).items(), key=lambda row: (-row[1], row[0]))


@pytest.mark.parametrize("allowed", [DOMAINS[:1], ["nowhere.example"]])
def test_others_sites_are_left_out_and_lists_are_cut(reader: Reader, allowed: list[str]) -> None:
    every = Span(0, 2**52, [0, 2**52])
    found = count_lists(Stats(reader, allowed), {}, every, "pageviews", 2)
    views = Counter(row["path"] for row in JOURNAL.rows["pageview"] if row["domain"] in allowed)
    assert [number for _, number in found["top-pages"]] == sorted(views.values(), reverse=True)[:2]
