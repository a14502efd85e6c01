"""For how many days the visits of sites are kept."""

from pathlib import Path

import pytest

from prisme.access import audit
from prisme.access.grants import AccessError, NotFoundError, operator
from prisme.access.retention import Retention, days_of, read_days, read_rules
from prisme.access.sites import SiteList
from prisme.store.control import Control

BY = operator("test")


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


@pytest.fixture
def sites(control: Control) -> SiteList:
    return SiteList(control, ["example.com", "*.example.com"], [])


def test_rules_are_set_changed_and_removed(control: Control, sites: SiteList) -> None:
    rules = Retention(control, sites)
    assert rules.find("example.com") is None
    rules.save(BY, "example.com", 90, 1)
    rules.save(BY, "example.com", 0, 2)
    rules.save(BY, "*.example.com", 30, 3)
    assert (rules.find("example.com"), rules.find("*.example.com")) == (0, 30)
    rules.save(BY, "example.com", None, 4)
    assert read_rules(control) == {"*.example.com": 30}
    with control.read() as connection:
        log = [(one.action, one.subject, one.detail) for one in audit.read(connection, 10, 0)]
    assert log == [
        ("site.retention", "example.com", "none"),
        ("site.retention", "*.example.com", "30 days"),
        ("site.retention", "example.com", "for ever"),
        ("site.retention", "example.com", "90 days"),
    ]


def test_a_site_that_is_removed_keeps_its_rule(control: Control, sites: SiteList) -> None:
    rules = Retention(control, sites)
    sites.add(BY, "other.example", 1)
    rules.save(BY, "other.example", 7, 2)
    sites.remove(BY, "other.example", 3)
    assert read_rules(control) == {"other.example": 7}
    rules.save(BY, "other.example", None, 4)
    with pytest.raises(NotFoundError):
        rules.save(BY, "other.example", 7, 5)


@pytest.mark.parametrize("days", [-1, 36_501])
def test_days_are_bounded(control: Control, sites: SiteList, days: int) -> None:
    with pytest.raises(AccessError, match="from 1 to 36500"):
        Retention(control, sites).save(BY, "example.com", days, 1)


@pytest.mark.parametrize(("text", "days"), [(" 90 ", 90), ("0", 0), ("None", None)])
def test_typed_days(text: str, days: int | None) -> None:
    assert read_days(text) == days


@pytest.mark.parametrize("text", ["", "-1", "90d", "1e3", "٣", "9" * 6])
def test_what_is_no_number_of_days(text: str) -> None:
    with pytest.raises(AccessError, match="such as 90"):
        read_days(text)


@pytest.mark.parametrize(
    ("domain", "days"),
    [
        ("example.com", 1),
        ("example.com:8080", 1),
        ("a.example.com", 3),
        ("b.example.com", 2),
        ("x.a.example.com", 4),
        ("a.example.com:81", 3),
        ("example.org", 9),
    ],
)
def test_the_closest_rule_counts(domain: str, days: int) -> None:
    rules = {"example.com": 1, "*.example.com": 2, "a.example.com": 3, "*.a.example.com": 4}
    assert days_of(domain, rules, 9) == days
