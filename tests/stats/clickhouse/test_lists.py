"""The rows of lists, short lists, details of rows and figures of sites: the tests of DuckDB's, run once more."""

from tests.stats.test_breakdown import (  # noqa: F401
    test_a_span_without_any_moment_has_no_rows,
    test_all_figures_of_all_lists,
    test_rows_are_ordered_by_each_metric,
    test_rows_of_chosen_keys_are_counted_whatever_their_place,
    test_the_api_has_the_values_of_a_metric,
)
from tests.stats.test_row_details import (  # noqa: F401
    test_nothing_beyond_ones_domains,
    test_pages_after_the_entry_and_before_the_exit,
    test_pages_and_domain_of_events,
    test_pages_before_and_after,
    test_properties_of_an_event,
    test_rows_by_bucket,
    test_sources_of_a_page,
)
from tests.stats.test_short_lists import (  # noqa: F401
    test_lists_equal_plain_python,
    test_others_sites_are_left_out_and_lists_are_cut,
)
from tests.stats.test_site_figures import (  # noqa: F401
    test_figures_equal_plain_python,
    test_filters_choose_sites_and_visitors,
    test_first_event,
)
