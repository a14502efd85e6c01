"""Each figure of ClickHouse's rows against the lines of the journal: the tests of DuckDB's, run once more."""

from tests.stats.test_queries import (  # noqa: F401
    test_a_page_has_the_same_figures,
    test_a_visitor_is_live_for_five_minutes,
    test_buckets_are_found_in_a_list,
    test_buckets_have_any_lengths,
    test_events_are_those_of_the_three_lists,
    test_live_visitors_are_counted,
    test_many_at_once_are_the_same,
    test_nothing_beyond_ones_domains_is_counted,
    test_properties_are_counted,
    test_properties_are_filters,
    test_series_are_counted,
    test_tops_are_counted,
    test_values_that_are_listed_are_filters,
    test_visits_without_a_pageview,
    test_weeks_are_counted,
    test_whole_series_are_counted,
    test_whole_tops_are_counted,
)
