"""Parsing filters."""

import duckdb
import pytest

from prisme.base.errors import InputError
from prisme.stats import filters
from prisme.stats.dialect import DUCKDB
from prisme.stats.properties import property_value


@pytest.mark.parametrize(
    ("text", "includes", "excludes"),
    [
        ("a", [("a",)], []),
        ("a,b", [("a",), ("b",)], []),
        ("!a", [], [("a",)]),
        ("a*,!b", [("a", "")], [("b",)]),
        ("*", [("", "")], []),
        (r"a\,b\*\!\\", [("a,b*!\\",)], []),
        (r"\!a", [("!a",)], []),
        ("a!b", [("a!b",)], []),
        ("a,", [("a",), ("",)], []),
        ("!", [], [("",)]),
        ("a\nb*\n", [("a\nb", "\n")], []),
    ],
)
def test_filters_are_read(text: str, includes: list[tuple[str, ...]], excludes: list[tuple[str, ...]]) -> None:
    assert filters.read({"event": text}) == {"event": filters.Filter(tuple(includes), tuple(excludes))}


def test_only_filters_are_filters() -> None:
    assert filters.read({"path": "", "limit": "3", "from": "now-1d"}) == {}


@pytest.mark.parametrize("text", ["x" * 8192, ",".join("a" * 500), "a" + "*a" * 8])
def test_filters_are_as_long_as_allowed(text: str) -> None:
    assert filters.read({"utm-term": text})["utm-term"].includes


@pytest.mark.parametrize("text", ["a\\", "x" * 8193, ",".join("a" * 501), "a" + "*a" * 9])
def test_wrong_filters_are_named(text: str) -> None:
    with pytest.raises(InputError, match=r"^utm-term: such as utm-term=a,b\* or utm-term=!c; "):
        filters.read({"utm-term": text})


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("*a_b", "/a_b", True),
        ("*a_b", "/axb", False),
        ("*a%b*", "/a%bc", True),
        ("*a%b*", "/axxbc", False),
        (r"*a\\b", r"/a\b", True),
        (r"*a\\b", "/ab", False),
        (r"*\*", "/*", True),
        (r"*\*", "/a", False),
        ("*b,!*_b", "/xb", True),
        ("*b,!*_b", "/_b", False),
    ],
)
def test_only_stars_stand_for_anything(text: str, value: str, matches: bool) -> None:
    parameters: list[str] = []
    one = filters.read({"event": text})["event"]
    condition = filters.condition("value", one, lambda term: bind(parameters, term), DUCKDB)
    query = f"SELECT {condition} FROM (SELECT ? AS value)"
    with duckdb.connect() as connection:
        assert connection.execute(query, [*parameters, value]).fetchall() == [(matches,)]


def bind(parameters: list[str], value: str) -> str:
    parameters.append(value)
    return "?"


def test_properties_are_filters() -> None:
    assert list(filters.read({"prop.plan": "pro", "event": "a", "prop.": "!x", "prop.none": ""})) == [
        "event",
        "prop.",
        "prop.plan",
    ]


def test_properties_are_bounded() -> None:
    most = {f"prop.{number}": "x" for number in range(filters.MOST_PROPERTIES)}
    assert len(filters.read(most)) == filters.MOST_PROPERTIES
    with pytest.raises(InputError, match=r"^prop\.more: at most 8 properties, such as prop\.plan=pro"):
        filters.read({**most, "prop.more": "x"})
    assert filters.read({"prop." + "x" * (filters.LONGEST - 5): "a"})
    with pytest.raises(InputError, match=r"^prop\.x{59}: such as .* at most 8192 characters"):
        filters.read({"prop." + "x" * filters.LONGEST: "a"})


@pytest.mark.parametrize(
    ("name", "properties", "value"),
    [
        ("n", '{"n":3}', "3"),
        ("n", '{"n":"3"}', "3"),
        ("n", '{"n":3.0}', "3.0"),
        ("n", '{"n":null}', None),
        ("n", '{"m":1}', None),
        ("n", '{"n":1,"m":0,"n":2}', "2"),
        ("n", '{"n":1,"n":null}', None),
        ("a/b~c", '{"a/b~c":true}', "true"),
        ("", '{"":[1]}', "[1]"),
    ],
)
def test_values_of_properties_are_texts(name: str, properties: str, value: str | None) -> None:
    bound: dict[str, str] = {"properties": properties}

    def bind(one: str) -> str:
        bound[f"p{len(bound)}"] = one
        return f"$p{len(bound) - 1}"

    query = f"SELECT {property_value(name, bind, DUCKDB)} FROM (SELECT CAST($properties AS JSON) AS properties)"
    with duckdb.connect() as connection:
        assert connection.execute(query, bound).fetchall() == [(value,)]
