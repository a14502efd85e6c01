"""The list of sites: what can be added and removed, what is refused and why."""

from pathlib import Path

import pytest

from prisme.access import audit, sites
from prisme.access.grants import AccessError, NotFoundError, operator
from prisme.access.sites import SiteList
from prisme.store.control import Control

BY = operator("test")


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


@pytest.fixture
def listed(control: Control) -> SiteList:
    made = SiteList(control, ("option.example", "*.wild.example"), (("www.option.example", "option.example"),))
    made.add(BY, " Added.Example ", 7, ["www.added.example"])
    return made


def test_sites_of_the_options_and_added_ones_are_listed_with_their_aliases(listed: SiteList) -> None:
    listed.change_aliases(BY, "a.wild.example", 8, add=["b.example"])
    found = [(one.name, one.source, one.created, one.creator, [a.host for a in one.aliases]) for one in listed.list()]
    assert found == [
        ("option.example", "options", None, "", ["www.option.example"]),
        ("*.wild.example", "options", None, "", ["b.example"]),
        ("added.example", "added", 7, "cli:test", ["www.added.example"]),
    ]
    registered = listed.read()
    assert {"option.example", "x.wild.example", "added.example"} <= {
        host for host in ("option.example", "x.wild.example", "added.example") if host in registered.hosts
    }
    assert "wild.example" not in registered.hosts
    assert registered.aliases == {
        "www.option.example": "option.example",
        "www.added.example": "added.example",
        "b.example": "a.wild.example",
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "the host is empty"),
        ("https://x.example/a", "has a scheme: write x.example"),
        ("x.example:80", "has a port: write x.example"),
        ("x.example/a", "has a path: write x.example"),
        ("x y", "is not a host"),
        ("a" * 2000, "is too long"),
        ("option.example", "the option origins has it"),
        ("*.WILD.example", "the option origins has it"),
        ("added.example", "it was added before"),
        ("www.added.example", "is an alias of added.example: remove the alias first"),
        ("www.option.example", "is an alias of option.example: remove the alias first"),
    ],
)
def test_a_site_that_cannot_be_added(listed: SiteList, name: str, why: str) -> None:
    before = listed.list()
    with pytest.raises(AccessError, match=why.replace("*", r"\*")):
        listed.add(BY, name, 9)
    assert listed.list() == before


@pytest.mark.parametrize(
    ("site", "alias", "why"),
    [
        ("added.example", "www.added.example", "is an alias of added.example already"),
        ("added.example", "added.example", "an alias of itself"),
        ("added.example", "www.option.example", "the option aliases has it"),
        ("added.example", "*.a.example", "single hosts"),
        ("*.wild.example", "a.example", "single hosts"),
        ("added.example", "http://a.example", "has a scheme: write a.example"),
        ("option.example", "added.example", "is a site of its own: remove the site first"),
        ("unknown.example", "a.example", "is not a site: add it first"),
    ],
)
def test_an_alias_that_cannot_be_added(listed: SiteList, site: str, alias: str, why: str) -> None:
    before = listed.list()
    with pytest.raises(AccessError, match=why):
        listed.change_aliases(BY, site, 9, add=["fine.example", alias])
    assert listed.list() == before


def test_a_site_is_removed_with_its_aliases(listed: SiteList, control: Control) -> None:
    listed.remove(BY, "added.example", 9)
    assert "added.example" not in listed.read().hosts
    assert listed.read().aliases == {"www.option.example": "option.example"}
    with pytest.raises(NotFoundError, match=r"there is no site added\.example"):
        listed.remove(BY, "added.example", 9)
    with pytest.raises(AccessError, match="is from the option origins: remove it there, and reload the configuration"):
        listed.remove(BY, "option.example", 9)
    with pytest.raises(AccessError, match="is from the option aliases"):
        listed.change_aliases(BY, "option.example", 9, remove=["www.option.example"])
    with control.read() as connection:
        entries = [(one.action, one.subject) for one in audit.read(connection, 10, 0)]
    assert entries == [
        ("site.alias.remove", "www.added.example"),
        ("site.remove", "added.example"),
        ("site.alias.add", "www.added.example"),
        ("site.add", "added.example"),
    ]


def test_numbers_are_bounded(listed: SiteList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "_MAX_SITES", 1)
    monkeypatch.setattr(sites, "_MAX_ALIASES", 1)
    with pytest.raises(AccessError, match="already 1 added sites, the maximum"):
        listed.add(BY, "more.example", 9)
    with pytest.raises(AccessError, match="already 1 added aliases, the maximum"):
        listed.change_aliases(BY, "added.example", 9, add=["more.example"])


def test_only_a_change_is_read_again(listed: SiteList) -> None:
    revision = listed.read().revision
    assert listed.read_if_changed(revision) is None
    listed.add(BY, "more.example", 9)
    changed = listed.read_if_changed(revision)
    assert changed is not None
    assert changed.revision > revision
