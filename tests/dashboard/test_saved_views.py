"""Saved views: which filters they keep, and what their links do to those of a page."""

from urllib.parse import parse_qs, urlsplit

import pytest

from prisme.access.views import Owner, View
from prisme.dashboard.saved_views import build_views, choose_parameters
from prisme.dashboard.url_state import UrlState

FILTERS = {"domain": "a.test", "path": "/x", "goal": "Order", "prop.plan": "pro", "source": "Google"}


@pytest.mark.parametrize("for_site", [False, True])
def test_a_view_keeps_all_filters_and_replaces_all_others(for_site: bool) -> None:
    query = choose_parameters(FILTERS, with_period=False, for_site=for_site)
    expected = {name: [text] for name, text in FILTERS.items() if not (for_site and name == "domain")}
    assert parse_qs(query) == expected
    page = UrlState({"domain": "a.test", "prop.size": "L", "event": "buy", "period": "7d"}, None, "")
    (view,) = build_views(page, [View(1, Owner(account="ada"), "Mine", query)])
    assert parse_qs(urlsplit(view.link).query) == {**expected, "domain": ["a.test"], "period": ["7d"]}
    assert not view.is_chosen
    (view,) = build_views(UrlState(FILTERS, None, ""), [View(1, Owner(account="ada"), "Mine", query)])
    assert view.is_chosen
