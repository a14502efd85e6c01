"""Cells as values and counts."""

import datetime

import pytest

from prisme.imports.figures import values
from prisme.imports.figures.sums import MOST_COUNT


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("0", 0), ("7", 7), (" 7 ", 7), ("7.0", 7), ("7.", 7), ("007", 7), ("", None), ("  ", None), (r"\N", None),
        (str(MOST_COUNT), MOST_COUNT), ("999999999999", 999999999999),
    ],
)  # fmt: skip
def test_counts(cell: str, count: int | None) -> None:
    assert values.read_count(cell) == count


@pytest.mark.parametrize(
    "cell", ["-1", "+1", "1.5", "1,000", "1e3", "x", "\u0667", "\u00b2", "1 2", str(MOST_COUNT + 1), "NaN", "1_000"]
)
def test_no_counts(cell: str) -> None:
    with pytest.raises(ValueError, match="no count"):
        values.read_count(cell)


@pytest.mark.parametrize(
    ("cell", "number"),
    [("0.25", 0.25), ("25%", 0.25), ("25 %", 0.25), ("1", 1.0), ("", None), ("1.5e-3", 0.0015), ("00:10:55", 655.0)],
)
def test_numbers(cell: str, number: float | None) -> None:
    assert values.read_length(cell) == number


@pytest.mark.parametrize("cell", ["-0.5", "inf", "nan", "1,5", "%", "1e999", "0:1:2", "\u0667"])
def test_no_numbers(cell: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        values.read_length(cell)


def test_averages() -> None:
    assert values.multiply(50.5, 3) == 152
    assert values.multiply(None, 3) is None
    with pytest.raises(ValueError, match="no average"):
        values.multiply(1e99, 3)


def test_days() -> None:
    assert values.read_day("20260801") == values.read_day(" 2026-08-01 ") == datetime.date(2026, 8, 1)
    for cell in ("", "2026-8-1", "2026-08-01T00:00:00", "2026-02-30", "0000-01-01", "\u0662026-08-01"):
        with pytest.raises(ValueError, match=r"day|month|year"):
            values.read_day(cell)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/", "/"), ("", ""), ("/a//b/../c", "/a/c"), ("/a?b=1", "/a"), ("/a#b", "/a"), ("a/b", "/a/b"), ("?a", ""),
        ("/café", "/caf%C3%A9"), ("/caf%c3%a9", "/caf%C3%A9"), ("https://example.com", "/"),
        ("https://example.com/a?b", "/a"), ("https://example.com?b", "/"), ("/a\x00b\u202e", "/ab"),
    ],
)  # fmt: skip
def test_paths(text: str, path: str) -> None:
    assert values.read_path(text) == path


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.org", "example.org"), ("example.org/a?b", "example.org"),
        ("https://example.org:8443/", "example.org:8443"),
        ("b\u00fccher.example", "xn--bcher-kva.example"), ("android-app://com.example.app/", "com.example.app"),
        ("Some Name", "some name"), ("", ""),
    ],
)  # fmt: skip
def test_hosts(text: str, host: str) -> None:
    assert values.read_host(text) == host


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Direct / None", "Direct"), ("(direct)", "Direct"), ("Google", "Google"), ("l.facebook.com", "Facebook"),
        ("fb", "Facebook"), ("News.Example.org", "news.example.org"), ("My Letter", "my letter"),
    ],
)  # fmt: skip
def test_sources(text: str, source: str) -> None:
    assert values.read_source(text) == source


@pytest.mark.parametrize(
    ("source", "medium", "channel"),
    [
        ("Google", "organic", "Organic search"), ("Google", "cpc", "Paid search"), ("Google", "", "Organic search"),
        ("Facebook", "referral", "Social"), ("news.example.org", "referral", "Referral"), ("Direct", "", "Direct"),
        ("Direct", "email", "Direct"), ("letter", "email", "Email"), ("letter", "", "Referral"),
        ("letter", "print", "Campaign"),
    ],
)  # fmt: skip
def test_channels(source: str, medium: str, channel: str) -> None:
    assert values.derive_channel(source, medium) == channel


def test_channel_names() -> None:
    assert values.read_channel("Organic Search") == "Organic search"
    assert values.read_channel("social networks") == "Social"
    assert values.read_channel("Unassigned") == ""


def test_places() -> None:
    assert values.read_region("US-TX") == "Texas (US)"
    assert values.read_region("") == ""
    assert values.read_place("Paris", "FR") == "Paris (FR)"
    assert values.read_place("Paris", "XX") == ""
    assert values.read_place("", "FR") == ""


def test_links() -> None:
    assert values.read_link(" HTTPS://Example.org/a b?c ") == "https://example.org/a%20b?c"
    assert values.read_link("example.org") == ""


def test_long_texts() -> None:
    assert values.clean("x" * 5000) == "x" * 1000
    assert values.clean(" a\tb\n") == "ab"
