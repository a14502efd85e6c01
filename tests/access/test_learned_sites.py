"""What an ingestion node has learned: how it stands beside its own sites, and what no server may teach it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from prisme.access import site_listing
from prisme.access.grants import AccessError, NotFoundError, operator
from prisme.access.learned_sites import LearnedSites
from prisme.access.site_listing import MOST, ListingError
from prisme.access.sites import SiteList
from prisme.store.control import Control

BY = operator("test")
URL = "https://stats.example.com"


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


@pytest.fixture
def learned(control: Control) -> LearnedSites:
    return LearnedSites(control)


@pytest.fixture
def own(control: Control) -> SiteList:
    """The sites of a node: by its options, and added on it."""
    made = SiteList(control, ("option.example", "*.wild.example"), (("www.option.example", "option.example"),))
    made.add(BY, "added.example", 7, ["www.added.example"])
    return made


def teach(learned: LearnedSites, names: list[str], aliases: dict[str, str] | None = None, etag: str = '"1"') -> bool:
    return learned.replace(URL, etag, site_listing.read(site_listing.write(names, aliases or {})), 9)


def shown(sites: SiteList) -> list[tuple[str, str, list[str]]]:
    return [(one.name, one.source, [alias.host for alias in one.aliases]) for one in sites.list()]


def test_the_list_of_one_is_what_the_other_learns(control: Control, own: SiteList, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    other = Control(tmp_path / "node")
    listing = own.encode_listing(None)
    LearnedSites(other).replace(URL, "", site_listing.read(listing.body), 9)
    copy, original = SiteList(other, (), ()).read(), own.read()
    assert (
        copy.aliases
        == original.aliases
        == {
            "www.option.example": "option.example",
            "www.added.example": "added.example",
        }
    )
    for host in ("option.example", "a.wild.example", "wild.example", "added.example", "other.example"):
        assert (host in copy.hosts) == (host in original.hosts), host
    assert {one.name for one in SiteList(other, (), ()).list()} == {one.name for one in own.list()}


def test_a_listing_has_another_tag_after_a_change_alone(own: SiteList) -> None:
    first = own.encode_listing(None)
    assert own.encode_listing(first) is first
    own.add(BY, "more.example", 8)
    second = own.encode_listing(first)
    assert second.etag != first.etag
    own.remove(BY, "more.example", 9)
    third = own.encode_listing(second)
    assert (third.etag, third.body) == (first.etag, first.body)  # though its revision is another
    own.set_options(("option.example",), ())
    assert own.encode_listing(third).etag != third.etag


def test_learned_sites_stand_beside_the_nodes_own(own: SiteList, learned: LearnedSites) -> None:
    before = own.read()
    assert teach(learned, ["far.example", "added.example"], {"www.far.example": "far.example"})
    assert shown(own) == [
        ("option.example", "options", ["www.option.example"]),
        ("*.wild.example", "options", []),
        ("added.example", "added", ["www.added.example"]),
        ("far.example", "learned", ["www.far.example"]),
    ]
    assert own.learned_from() == URL
    changed = own.read_if_changed(before.revision)
    assert changed is not None
    assert "far.example" in changed.hosts
    assert changed.aliases["www.far.example"] == "far.example"


def test_a_list_replaces_the_one_before_and_nothing_else(own: SiteList, learned: LearnedSites) -> None:
    teach(learned, ["one.example", "two.example"], {"www.one.example": "one.example"})
    revision = own.read().revision
    assert not teach(learned, ["two.example", "one.example"], {"www.one.example": "one.example"}, etag='"2"')
    known = learned.find()
    assert known is not None
    assert (known.etag, known.sites, known.aliases, known.at) == ('"2"', 2, 1, 9)
    assert own.read_if_changed(revision) is None
    assert teach(learned, ["two.example", "three.example"])
    assert [one.name for one in own.list() if one.source == "learned"] == ["three.example", "two.example"]
    assert "www.one.example" not in own.read().aliases
    assert [one.name for one in own.list() if one.source == "added"] == ["added.example"]
    assert learned.clear() is not None
    assert learned.clear() is None
    assert learned.find() is None
    assert [one.source for one in own.list()] == ["options", "options", "added"]


def test_the_nodes_own_goes_first(own: SiteList, learned: LearnedSites, control: Control) -> None:
    own.add(BY, "second.example", 8)
    names = ["far.example", "www.option.example", "www.added.example"]
    aliases = {
        "www.option.example": "far.example",  # an alias of the options
        "www.added.example": "far.example",  # one that was added
        "option.example": "far.example",  # a site of the options
        "second.example": "far.example",  # one that was added
        "m.option.example": "www.option.example",  # of what is an alias here
        "m.added.example": "www.added.example",
        "far.option.example": "far.example",
    }
    teach(learned, names, aliases)
    assert own.read().aliases == {
        "www.option.example": "option.example",
        "www.added.example": "added.example",
        "m.option.example": "option.example",
        "m.added.example": "added.example",
        "far.option.example": "far.example",
    }
    assert [(name, source) for name, source, _ in shown(own) if source == "learned"] == [("far.example", "learned")]
    with control.read() as connection:
        assert own.canonical(connection, "www.added.example:80") == "added.example:80"
        assert own.canonical(connection, "option.example") == "option.example"
        assert own.canonical(connection, "far.option.example") == "far.example"
        assert own.resolve(connection, "m.added.example") == "added.example"
        assert own.resolve(connection, "far.example") == "far.example"
        assert own.is_registered(connection, "far.example")
        assert own.aliases_of(connection, "option.example") == ("www.option.example", "m.option.example")
        assert own.aliases_of(connection, "added.example") == ("m.added.example", "www.added.example")
        assert own.aliases_of(connection, "far.example") == ("far.option.example",)


def test_what_was_learned_is_changed_where_it_comes_from(own: SiteList, learned: LearnedSites) -> None:
    teach(learned, ["far.example"], {"www.far.example": "far.example"})
    before = own.list()
    with pytest.raises(AccessError, match=f"^far.example is from {URL}: remove it there$"):
        own.remove(BY, "far.example", 9)
    with pytest.raises(AccessError, match=f"^www.far.example is from {URL}: remove it there$"):
        own.change_aliases(BY, "far.example", 9, remove=["www.far.example"])
    with pytest.raises(AccessError, match=f"^far.example is a site already: it is from {URL}$"):
        own.add(BY, "far.example", 9)
    with pytest.raises(AccessError, match=r"is an alias of far\.example already"):
        own.change_aliases(BY, "added.example", 9, add=["www.far.example"])
    with pytest.raises(NotFoundError, match=r"there is no site near\.example"):
        own.remove(BY, "near.example", 9)
    assert own.list() == before


def test_own_aliases_of_a_learned_site_outlive_it(own: SiteList, learned: LearnedSites) -> None:
    teach(learned, ["far.example"])
    own.change_aliases(BY, "far.example", 9, add=["mine.example"])
    assert own.read().aliases["mine.example"] == "far.example"
    teach(learned, ["other.example"])
    assert "far.example" not in own.read().hosts
    with pytest.raises(NotFoundError, match=r"far\.example is not a site: add it first"):
        own.change_aliases(BY, "far.example", 9, add=["more.example"])
    own.change_aliases(BY, "far.example", 9, remove=["mine.example"])
    assert "mine.example" not in own.read().aliases


def test_a_site_of_both_stays_when_the_node_removes_it(own: SiteList, learned: LearnedSites) -> None:
    teach(learned, ["added.example"])
    assert own.remove(BY, "added.example", 9) == URL
    assert "added.example" in own.read().hosts
    own.add(BY, "mine.example", 9)
    assert own.remove(BY, "mine.example", 9) == ""


def body(**members: Any) -> bytes:
    return msgspec.json.encode({"sites": [{"name": "a.example"}], "aliases": [], **members})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "is no list of sites"),
        (b"<!doctype html>", "is no list of sites"),
        (b"[]", "is no list of sites"),
        (b'{"sites": null, "aliases": []}', "is no list of sites"),
        (b'{"sites": [{"name": "\xff"}], "aliases": []}', "is no list of sites"),
        (b'{"sites":' + b"[" * 100_000, "is no list of sites"),
        (body()[:-2], "is no list of sites"),
        (msgspec.json.encode({"sites": [{"name": "a.example"}]}), "it has no aliases"),
        (body(refused=[], retention=[]), "the token has the scope admin"),
        (body(sites=[]), "a list without sites"),
        (body(sites=[{"name": f"{number}.example"} for number in range(MOST + 1)]), "more than 20,000"),
        (body(sites=[{"name": "https://a.example"}]), "'https://a.example' is not a host"),
        (body(sites=[{"name": "A.example"}]), "'A.example' is not a host"),
        (body(sites=[{"name": "*"}]), "'\\*' is not a host"),
        (body(sites=[{"name": "x" * 300}]), "is not a host"),
        (body(aliases=[{"host": "*.b.example", "site": "a.example"}]), "is not a host"),
        (body(aliases=[{"host": "b.example", "site": ""}]), "'' is not a host"),
        (body(aliases=[{"host": "b.example"}]), "is no list of sites"),
    ],
)
def test_what_is_no_list(answer: bytes, why: str) -> None:
    with pytest.raises(ListingError, match=why):
        site_listing.read(answer)


def test_what_a_later_version_may_add_is_ignored() -> None:
    assert site_listing.read(body(more=[{"x": 1}])).names == ["a.example"]
