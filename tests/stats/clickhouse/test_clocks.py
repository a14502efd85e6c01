"""Hours and days of ClickHouse's rows where clocks are set to another time: the tests of DuckDB's, run once more."""

from tests.stats.test_clocks import (  # noqa: F401
    database,
    test_an_hour_is_what_the_clock_shows_until_it_is_set,
    test_buckets_begin_where_a_clock_was_set,
    test_days_are_counted,
    test_hours_of_the_week_are_counted,
    test_hours_of_the_week_are_counted_in_a_century,
)
