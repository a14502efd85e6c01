"""What the page of imports says of formats, files and days."""

from datetime import UTC, datetime

import pytest

from prisme.imports.formats import NAMES
from prisme.imports.tally import NOT_REGISTERED
from prisme.web.pages.import_values import (
    AUTO,
    FORMATS,
    begin_sentence,
    explain_fault,
    format_days,
    list_advice,
    list_names,
    list_unknown,
    name_format,
)
from prisme.web.uploads.report import Report, read_report
from prisme.web.uploads.upload import Options, read_options
from prisme.web.uploads.uploads import format_size


def test_all_formats_can_be_chosen() -> None:
    """The first is chosen if nobody chooses another."""
    assert sorted(FORMATS) == sorted([AUTO, *NAMES])
    assert next(iter(FORMATS)) == AUTO


def test_names_of_formats() -> None:
    assert name_format("ga4") == "Google Analytics 4 (CSV reports)"
    assert name_format("of-a-later-version") == "of-a-later-version"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, ""), (1, "1"), (5, "1, 2, 3, 4, 5"), (6, "1, 2, 3, 4, 5 and 1 other file")]
)
def test_files(count: int, shown: str) -> None:
    assert list_names([str(number) for number in range(1, count + 1)]) == shown


def test_days() -> None:
    first, last = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 3, 4, 23, tzinfo=UTC)
    assert format_days(None, None) == ""
    assert format_days(first, first) == "2 Jan 2026"
    assert format_days(first, last) == "2 Jan to 4 Mar 2026"
    assert format_days(last, last.replace(day=5)) == "4 to 5 Mar 2026"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0.0 kB"), (500, "0.5 kB"), (1_250_000, "1.2 MB"), (999_900_000, "999.9 MB"), (1_500_000_000, "1.5 GB")],
)
def test_sizes(size: int, shown: str) -> None:
    assert format_size(size) == shown


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, Options("auto", "", "")),
        ({"format": "ga4", "site": "example.com", "zone": "UTC"}, Options("ga4", "example.com", "UTC")),
        ({"format": "--yes", "site": "a\0b\n", "zone": "x" * 300}, Options("auto", "ab", "x" * 256)),
        ({"format": "", "site": "--data-dir=/"}, Options("auto", "--data-dir=/", "")),
    ],
)
def test_options_of_a_form(fields: dict[str, str], options: Options) -> None:
    assert read_options(fields) == options


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        (b'{"rows": 3}', 3),
        (b'{\n  "rows": 3\n}\n', 3),
        (b'a warning\n{"rows": 3}\n', 3),
        (b'{"rows": 3, "of a later version": [1]}', 3),
        (b"", None),
        (b"nothing", None),
        (b'{"rows": "three"}', None),
        (b"\xff", None),
    ],
)
def test_reports(output: bytes, rows: int | None) -> None:
    found = read_report(output)
    assert (found and found.rows) == rows


@pytest.mark.parametrize(
    ("first", "days", "is_told"),
    [
        (None, 30, False),
        (datetime(2026, 1, 1, tzinfo=UTC), 0, False),
        (datetime(2026, 1, 1, tzinfo=UTC), 30, True),
        (datetime(2026, 2, 1, tzinfo=UTC), 30, False),
    ],
)
def test_what_is_too_old_to_be_kept(first: datetime | None, days: int, is_told: bool) -> None:
    now = datetime(2026, 2, 15, tzinfo=UTC)
    assert list_advice(Report(first=first), days, now) == (
        ["Sessions that began more than 30 days ago are deleted again within a day, as the option retention_days says."]
        if is_told
        else []
    )


def test_sites_that_are_missing() -> None:
    (advice,) = list_advice(Report(skipped={NOT_REGISTERED: 3}), 0, datetime(2026, 2, 15, tzinfo=UTC))
    assert "add them on the page of sites" in advice


def test_sites_that_are_imported_without_being_registered() -> None:
    assert list_unknown({"example.com": 1}, lambda _: True) == []
    (advice,) = list_unknown({"example.com": 1, "exmaple.com": 2}, lambda site: site == "example.com")
    assert advice.startswith("Not registered: exmaple.com. ")


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("it is odd", "It is odd"),
        ("a.csv is odd", "a.csv is odd"),
        ("the log is of no site: name it with --site example.com", "The log is of no site: fill in the field Site"),
        ("it is of no site: add --site example.com (or not)", "It is of no site: fill in the field Site (or not)"),
        ("--site: 'a b' is not a host", "Site: 'a b' is not a host"),
        (
            "times have no zone: name the server's with --time-zone Europe/Paris",
            "Times have no zone: fill in the field Time zone",
        ),
        ("a.csv looks like no format: name it, one of prisme, ga4", "a.csv looks like no format: choose the format"),
    ],
)
def test_faults_speak_of_fields(fault: str, shown: str) -> None:
    assert begin_sentence(explain_fault(fault), ["a.csv", "b.csv"]) == shown
