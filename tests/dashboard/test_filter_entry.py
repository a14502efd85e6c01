"""Texts with stars in the filter form: they are filters as in the stats API, and are not looked up."""

import pytest

from prisme.dashboard.filter_entry import write_terms


@pytest.mark.parametrize(
    ("operator", "text", "expected"),
    [
        ("is", "/a*,!/b", ["/a*", "!/b"]),
        ("is-not", "/a*,/b,!/c", ["!/a*", "!/b", "!/c"]),
        ("contains", "a*b", ["*a*b*"]),
        ("contains", "*a*", ["*a*"]),
        ("contains", "a*,*b", ["*a*", "*b*"]),
        ("contains", r"a\*", [r"*a\**"]),
        ("contains", r"a\\*", [r"*a\\*"]),
        ("contains-not", "*", ["!*"]),
        ("is", "a,b", [r"a\,b"]),
        ("contains-not", "a,b", [r"!*a\,b*"]),
    ],
)
def test_stars_are_kept(operator: str, text: str, expected: list[str]) -> None:
    assert write_terms("event", operator, text) == expected
