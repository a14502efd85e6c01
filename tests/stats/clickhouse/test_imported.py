"""Figures that imports brought, in ClickHouse: the tests of DuckDB's, run once more."""

from tests.stats.test_imported import (  # noqa: F401
    database,
    test_domains_are_as_old_as_their_first_figure,
    test_figures_of_other_sites_stay_hidden,
    test_imports_are_listed_with_their_sessions,
    test_lists_have_the_sums_of_whole_days,
    test_one_import_can_be_chosen_or_left_out,
    test_responses_say_what_imports_brought,
    test_responses_without_them_say_nothing,
    test_series_have_the_sums_of_whole_days,
    test_the_api_has_the_same_lists_by_each_metric_and_page,
)
