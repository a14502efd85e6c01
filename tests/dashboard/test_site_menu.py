from prisme.dashboard.sites import MOST_LINKS, build_site_menu
from prisme.dashboard.url_state import UrlState

DOMAINS = [f"site{number}.example.com" for number in range(312)]


def test_menu_of_few_sites_has_all() -> None:
    menu = build_site_menu(UrlState({}, None, ""), DOMAINS[:3])
    assert [link.title for link in menu.links] == ["All sites", *DOMAINS[:3]]
    assert menu.shown == ""


def test_menu_of_many_sites_says_so_and_has_those_in_the_filter() -> None:
    menu = build_site_menu(UrlState({"domain": DOMAINS[300]}, None, ""), DOMAINS)
    assert len(menu.links) == MOST_LINKS + 1
    assert menu.links[1].title == DOMAINS[300]
    assert menu.links[1].chosen
    assert menu.shown == "50 of 312"
