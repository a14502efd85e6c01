"""The lists of a short span: pages, sources and countries, each by visitors or by pageviews."""

from typing import Final, Literal

from prisme.stats.filters import Filters
from prisme.stats.grouping import GroupingSets
from prisme.stats.queries import Stats
from prisme.stats.selection import Span

Count = Literal["visitors", "pageviews"]
# By their names in `TOPS`.
LISTS: Final = {"top-pages": "path", "top-sources": "source", "top-countries": "country_code"}


def count_lists(
    stats: Stats, filters: Filters, span: Span, count: Count, limit: int
) -> dict[str, list[tuple[str, int]]]:
    """The most frequent keys of each list of `LISTS`, with their visitors or pageviews. Raises UnavailableError."""
    names, grouping, dialect = tuple(LISTS), GroupingSets(LISTS), stats.dialect
    conditions = stats.conditions(filters, span.start, span.end)
    query = dialect.sql("short_lists").format(
        which=grouping.number({name: place for place, name in enumerate(names)}),
        key=grouping.key,
        columns=grouping.columns,
        rows=conditions.rows("pageviews"),
        source=dialect.column("source"),
        related=conditions.rows_related("sessions"),
        start=dialect.moment(conditions.bind(span.start)),
        end=dialect.moment(conditions.bind(span.end)),
        sets=grouping.sets,
        count=count,
        limit=conditions.bind(limit),
    )
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for which, key, visitors, pageviews in stats.run(query, conditions):
        stats.reader.check()
        found[names[which]].append((key, visitors if count == "visitors" else pageviews))
    return found
