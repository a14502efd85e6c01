"""Goals and funnels: what can be defined, by whom, what is refused and why, and who sees them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from prisme.access import audit, goals
from prisme.access.goals import GoalList
from prisme.access.grants import ADMIN, STATS, AccessError, Grant, NotFoundError, operator
from prisme.access.sites import SiteList
from prisme.base.goals import Funnel, Goal, concerns
from prisme.store.control import Control

BY = operator("test")
SITE = "shop.example"
PAGE_GOAL = Goal(0, SITE, "Thanks", "page", "/thanks*")
EVENT_GOAL = Goal(0, SITE, "Purchase", "event", "purchase", "plan", "pro", "revenue", "currency")


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


@pytest.fixture
def listed(control: Control) -> GoalList:
    made = GoalList(control)
    made.save_goal(BY, PAGE_GOAL, 7)
    made.save_goal(BY, EVENT_GOAL, 8)
    made.save_funnel(BY, Funnel(0, SITE, "Checkout", ("Thanks", "Purchase")), 9)
    return made


def changed(goal: Goal, **changes: Any) -> Goal:
    return msgspec.structs.replace(goal, **changes)


def test_goals_and_funnels_are_saved_changed_and_deleted(listed: GoalList, control: Control) -> None:
    found = listed.of_site(SITE)
    purchase, thanks = found.goals
    assert (changed(purchase, id=0), changed(thanks, id=0)) == (EVENT_GOAL, PAGE_GOAL)
    (funnel,) = found.funnels
    assert funnel.steps == ("Thanks", "Purchase")
    with pytest.raises(AccessError, match="the funnel Checkout has the goal Thanks as a step"):
        listed.remove_goal(BY, SITE, thanks.id, 10)
    listed.save_goal(BY, changed(thanks, name=" Order ", pattern="/order"), 10)
    listed.save_funnel(BY, Funnel(funnel.id, SITE, "Buy", ("Purchase", "Order", "Purchase")), 11)
    assert listed.of_site(SITE).funnels == (Funnel(funnel.id, SITE, "Buy", ("Purchase", "Order", "Purchase")),)
    listed.remove_funnel(BY, SITE, funnel.id, 12)
    listed.remove_goal(BY, SITE, thanks.id, 13)
    assert listed.of_site(SITE).goals == (purchase,)
    assert listed.of_site(SITE).funnels == ()
    with control.read() as connection:
        entries = [(one.action, one.subject, one.detail) for one in audit.read(connection, 5, 0)]
    assert entries == [
        ("goal.remove", SITE, "Order"),
        ("funnel.remove", SITE, "Buy"),
        ("funnel.change", SITE, "Buy"),
        ("goal.change", SITE, "Order"),
        ("funnel.add", SITE, "Checkout"),
    ]


@pytest.mark.parametrize(
    ("goal", "why"),
    [
        (changed(PAGE_GOAL, name=" "), "the name must have 1 to 64 characters"),
        (changed(PAGE_GOAL, name="x" * 65), "the name must have 1 to 64 characters"),
        (changed(PAGE_GOAL, name="a\nb"), "all of them visible"),
        (PAGE_GOAL, "there is already a goal Thanks of shop.example: choose another name"),
        (changed(PAGE_GOAL, name="New", kind="click"), "choose whether"),
        (changed(PAGE_GOAL, name="New", pattern=""), "the page must have 1 to 500 characters"),
        (changed(EVENT_GOAL, name="New", pattern="x" * 501), "the name of the event must have 1 to 500"),
        (changed(PAGE_GOAL, name="New", property="plan"), "only custom events have properties"),
        (changed(EVENT_GOAL, name="New", property=""), "name the property that has to have this value"),
        (changed(EVENT_GOAL, name="New", sum_property=""), "name the property to sum"),
        (changed(PAGE_GOAL, name="New", id=99), "shop.example has no goal 99"),
        (changed(PAGE_GOAL, name="New", id=1, site="other.example"), "other.example has no goal 1"),
    ],
)
def test_a_goal_that_cannot_be_saved(listed: GoalList, goal: Goal, why: str) -> None:
    before = listed.read(None)
    with pytest.raises(AccessError, match=why):
        listed.save_goal(BY, goal, 10)
    assert listed.read(None) == before


@pytest.mark.parametrize(
    ("funnel", "why"),
    [
        (Funnel(0, SITE, "New", ("Thanks",)), "a funnel has 2 to 4 steps"),
        (Funnel(0, SITE, "New", ("Thanks",) * 5), "a funnel has 2 to 4 steps"),
        (Funnel(0, SITE, "New", ("Thanks", "Nothing")), "shop.example has no goal Nothing"),
        (Funnel(0, "other.example", "New", ("Thanks", "Purchase")), "other.example has no goal Thanks"),
        (Funnel(0, SITE, "Checkout", ("Thanks", "Purchase")), "there is already a funnel Checkout"),
        (Funnel(0, SITE, "", ("Thanks", "Purchase")), "the name must have"),
        (Funnel(99, SITE, "New", ("Thanks", "Purchase")), "has no funnel 99"),
    ],
)
def test_a_funnel_that_cannot_be_saved(listed: GoalList, funnel: Funnel, why: str) -> None:
    before = listed.read(None)
    with pytest.raises(AccessError, match=why):
        listed.save_funnel(BY, funnel, 10)
    assert listed.read(None) == before


@pytest.mark.parametrize(
    "by",
    [
        Grant("user:vic", "vic", frozenset((STATS,)), None),
        Grant("token:1", "", frozenset((STATS, ADMIN)), ("other.example",)),
    ],
)
def test_only_admins_of_the_site_change_them(listed: GoalList, by: Grant) -> None:
    before = listed.read(None)
    changes: tuple[Callable[[], None], ...] = (
        lambda: listed.save_goal(by, changed(PAGE_GOAL, name="New"), 10),
        lambda: listed.save_funnel(by, Funnel(0, SITE, "New", ("Thanks", "Purchase")), 10),
        lambda: listed.remove_goal(by, SITE, before.goals[0].id, 10),
        lambda: listed.remove_funnel(by, SITE, before.funnels[0].id, 10),
    )
    for change in changes:
        with pytest.raises(AccessError, match=r"only admins of shop\.example"):
            change()
    assert listed.read(None) == before


@pytest.mark.parametrize(
    ("site", "entry", "seen"),
    [
        ("example.com", "example.com", True),
        ("example.com", "example.com:8080", True),
        ("example.com", "a.example.com", False),
        ("a.example.com", "*.example.com", True),
        ("*.example.com", "a.example.com:8080", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.a.example.com", True),
        ("example.com", "*.example.com", False),
    ],
)
def test_who_sees_those_of_a_site(control: Control, site: str, entry: str, seen: bool) -> None:
    listed = GoalList(control)
    listed.save_goal(BY, changed(PAGE_GOAL, site=site), 7)
    listed.save_funnel(BY, Funnel(0, site, "Twice", ("Thanks", "Thanks")), 8)
    found = listed.read((entry,))
    assert (bool(found.goals), bool(found.funnels)) == (seen, seen)
    assert concerns(site, entry) == seen


def test_numbers_are_bounded(listed: GoalList, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Funnel(0, SITE, "New", ("Thanks", "Purchase"))
    with monkeypatch.context() as patch:
        patch.setattr(goals, "MOST_GOALS", 2)
        patch.setattr(goals, "MOST_FUNNELS", 1)
        with pytest.raises(AccessError, match=r"already 2 goals of shop\.example, the maximum"):
            listed.save_goal(BY, changed(PAGE_GOAL, name="New"), 10)
        with pytest.raises(AccessError, match=r"already 1 funnels of shop\.example, the maximum"):
            listed.save_funnel(BY, new, 10)
        listed.save_goal(BY, changed(PAGE_GOAL, site="other.example"), 10)
    monkeypatch.setattr(goals, "MOST_GOALS_OF_ALL", 3)
    monkeypatch.setattr(goals, "MOST_FUNNELS_OF_ALL", 1)
    with pytest.raises(AccessError, match="already 3 goals of all sites"):
        listed.save_goal(BY, changed(PAGE_GOAL, name="New"), 10)
    with pytest.raises(AccessError, match="already 1 funnels of all sites"):
        listed.save_funnel(BY, new, 10)


def test_they_are_deleted_with_their_site(listed: GoalList, control: Control) -> None:
    sites = SiteList(control, (), ())
    sites.add(BY, SITE, 1)
    sites.add(BY, "other.example", 1)
    listed.save_goal(BY, changed(PAGE_GOAL, site="other.example"), 10)
    sites.remove(BY, SITE, 11)
    assert [goal.site for goal in listed.read(None).goals] == ["other.example"]
    assert listed.read(None).funnels == ()
    with pytest.raises(NotFoundError):
        listed.remove_goal(BY, SITE, 1, 12)
