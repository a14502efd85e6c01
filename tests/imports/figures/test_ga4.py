"""GA4's reports and explorations, by files written in the form of those that others published."""

from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.imports.figures.ga4 import FORMAT
from tests.imports.figures.reading import make_zip, read_files

LINE = "# ----------------------------------------\n"
REPORT = f"{LINE}# Pages and screens\n# Account: Example\n# Property: Example, Inc.\n{LINE}#\n# All Users\n"
AUGUST = "# Start date: 20260801\n# End date: 20260831\n"
ONE_DAY = "# Start date: 20260801\n# End date: 20260801\n"
EXPLORATION = f"{LINE}# Example\n# Free form-Free form 1\n# 20260801-20260831\n{LINE}\n"


def explore(header: str, *rows: str) -> str:
    """An exploration as CSV."""
    return EXPLORATION + "\n".join((header, *rows)) + "\n"


def test_days(tmp_path: Path) -> None:
    """Rows of days alone, and the total that stands above them with a cell more than the header has."""
    text = explore(
        "Date,Active users,Sessions,Engaged sessions,Average session duration,Views,Event count",
        ",211,230,100,60.5,500,900,Grand total",
        "20260802,11,12,5,50.5,30,90",
        "20260801,1,1,1,0,1,3",
    )
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert result.short == [
        ("2026-08-01", "", "", {"visitors": 1, "sessions": 1, "pageviews": 1, "bounces": 0, "seconds": 0}),
        ("2026-08-02", "", "", {"visitors": 11, "sessions": 12, "pageviews": 30, "bounces": 7, "seconds": 606}),
    ]
    assert result.tally.skipped == {"rows of totals": 1}
    assert (result.tally.rows, result.tally.bad) == (3, 0)


def test_pages(tmp_path: Path) -> None:
    """Pages have no bounces; queries are not a part of a path."""
    text = explore(
        "Date,Page path + query string,Views,Active users,Sessions,Bounce rate",
        "20260801,/,68,44,50,0.5",
        "20260801,/?a=1,2,1,1,1",
        '20260801,"/caf\u00e9, bar",3,2,2,0.5',
        "20260801,(not set),9,9,9,0",
        "20260801,(other),9,9,9,0",
    )
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert result.of("path") == {
        "/": {"visitors": 45, "sessions": 51, "pageviews": 70},
        "/caf%C3%A9,%20bar": {"visitors": 2, "sessions": 2, "pageviews": 3},
    }
    assert result.dimensions == {"path"}
    assert result.tally.skipped == {"values that GA4 does not know, and sums of all others": 2}


def test_report_of_a_day(tmp_path: Path) -> None:
    """Without days, the report's own counts if it is one."""
    text = f"{REPORT}{ONE_DAY}\nPage path and screen class,Views,Active users\n/,12,5\n"
    result = read_files(FORMAT, tmp_path, {"Pages_and_screens.csv": text})
    assert result.short == [("2026-08-01", "path", "/", {"visitors": 5, "pageviews": 12})]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        pytest.param(
            "Session source / medium", "google / organic", {"source": "Google", "channel": "Organic search"},
            id="organic",
        ),
        pytest.param(
            "Session source / medium", "(direct) / (none)",
            {"source": "Direct", "channel": "Direct", "referrer": "direct"}, id="direct",
        ),
        pytest.param(
            "Session source / medium", "news.example.org / referral",
            {"source": "news.example.org", "channel": "Referral", "referrer": "news.example.org"}, id="referral",
        ),
        pytest.param(
            "Session source / medium", "letter / email",
            {"source": "letter", "channel": "Email", "utm-source": "letter", "utm-medium": "email"}, id="campaign",
        ),
        pytest.param(
            "Session source,Session medium", "google,cpc",
            {"source": "Google", "channel": "Paid search", "utm-source": "google", "utm-medium": "cpc"}, id="apart",
        ),
        pytest.param("Session source", "facebook.com", {"source": "Facebook"}, id="source alone"),
        pytest.param("Session source / medium", "(not set) / (not set)", {}, id="unknown source"),
        pytest.param("Session campaign", "august", {"utm-campaign": "august"}, id="a campaign"),
        pytest.param("Session campaign", "(organic)", {}, id="no campaign"),
        pytest.param("Session manual term", "shoes", {"utm-term": "shoes"}, id="term"),
        pytest.param("Session default channel group", "Organic Search", {"channel": "Organic search"}, id="channel"),
        pytest.param(
            "Session primary channel group (Default Channel Group)", "Unassigned", {}, id="no channel"
        ),
        pytest.param("Landing page", "/a?b", {"entry-path": "/a"}, id="landing page"),
        pytest.param("Country", "United States", {"country": "US"}, id="country"),
        pytest.param("Country", "(not set)", {"country": "XX"}, id="unknown country"),
        pytest.param("Country ID", "FR", {"country": "FR"}, id="code of a country"),
        pytest.param(
            "Country,Region,City", "France,Brittany,Rennes",
            {"country": "FR", "region": "Brittany (FR)", "city": "Rennes (FR)"}, id="places",
        ),
        pytest.param("Country,City", "France,(not set)", {"country": "FR"}, id="unknown city"),
        pytest.param("Browser", "Chrome", {"browser": "Chrome"}, id="browser"),
        pytest.param("Browser", "(not set)", {"browser": "Other"}, id="unknown browser"),
        pytest.param("Browser", "(other)", {}, id="all other browsers"),
        pytest.param("Operating system", "Macintosh", {"os": "macOS"}, id="system"),
        pytest.param("Device category", "smart tv", {"device-type": "tv"}, id="type of device"),
    ],
)  # fmt: skip
def test_dimensions(tmp_path: Path, header: str, row: str, expected: dict[str, str]) -> None:
    """The names that Prisme has for GA4's values; a row counts for each of its dimensions."""
    text = explore(f"Date,{header},Sessions,Active users", f"20260801,{row},5,4")
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert {one.dimension: one.value for one in result.figures} == expected
    assert all((one.sessions, one.visitors) == (5, 4) for one in result.figures)
    assert result.tally.bad == 0
    assert result.tally.skipped.total() == (0 if expected else 1)


def test_channel_before_its_guess(tmp_path: Path) -> None:
    """Where GA4 names the channel itself, a visit has no second one."""
    text = explore(
        "Date,Session default channel group,Session source / medium,Sessions",
        "20260801,Paid Search,google / organic,5",
        "20260801,Unassigned,google / organic,2",
    )
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert result.of("channel") == {"Paid search": {"sessions": 5}, "Organic search": {"sessions": 2}}


def test_events(tmp_path: Path) -> None:
    """Not those that GA4 makes of every visit; and nothing else is summed up over them."""
    text = explore(
        "Date,Event name,Country,Event count,Total users,Views,Sessions",
        "20260801,page_view,France,100,20,100,20",
        "20260801,session_start,France,20,20,0,20",
        "20260801,sign_up,France,3,2,0,2",
        "20260801,sign_up,Spain,1,1,0,1",
    )
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert result.short == [("2026-08-01", "event", "sign_up", {"visitors": 3, "events": 4})]


def test_rows_of_hits(tmp_path: Path) -> None:
    """Where a visit has a row for each of its pages, only pageviews are summed up by other dimensions."""
    text = explore(
        "Date,Page path,Country,Views,Active users,Sessions", "20260801,/,France,5,2,2", "20260801,/a,France,2,1,1"
    )
    result = read_files(FORMAT, tmp_path, {"download.csv": text})
    assert result.of("country") == {"FR": {"pageviews": 7}}
    assert result.of("path")["/"] == {"visitors": 2, "sessions": 2, "pageviews": 5}
    titles = explore("Date,Page title,Country,Views,Sessions", "20260801,Home,France,5,2", "20260801,A,France,2,1")
    assert read_files(FORMAT, tmp_path, {"titles.csv": titles}).of("country") == {"FR": {"pageviews": 7}}


def test_unknown_dimension(tmp_path: Path) -> None:
    """Rows of something else are no rows of days."""
    result = read_files(
        FORMAT,
        tmp_path,
        {"a.csv": f"{EXPLORATION}Date,Page title,Views\n20260801,Home,3\n\nDate,New users,Views\n20260801,1,9\n"},
    )
    assert result.short == [("2026-08-01", "", "", {"pageviews": 9})]
    assert result.tally.skipped == {"rows of reports that Prisme has no figures for": 1}


def test_sections(tmp_path: Path) -> None:
    """A file may have several tables; the days since its start are days."""
    text = (
        f"{REPORT}{AUGUST}\nNth day,Active users\n0000,5\n0030,7\n\n"
        f"# Start date: 20260701\n# End date: 20260701\nCountry,Active users\nFrance,3\n\n\n"
        f"# Start date: 20260701\n# End date: 20260702\nBrowser,Active users\nChrome,3\n"
    )
    result = read_files(FORMAT, tmp_path, {"snapshot.csv": text})
    assert result.short == [
        ("2026-07-01", "country", "FR", {"visitors": 3}),
        ("2026-08-01", "", "", {"visitors": 5}),
        ("2026-08-31", "", "", {"visitors": 7}),
    ]
    assert result.tally.skipped == {"rows of reports without days": 1}


def test_several_files(tmp_path: Path) -> None:
    """Two files complete each other; what both have counts once."""
    files: dict[str, str | bytes] = {
        "a.csv": explore("Date,Country,Sessions", "20260801,France,5"),
        "b.csv": explore("Date,Country,Sessions,Active users", "20260801,France,6,4", "20260802,France,1,1"),
        "c.zip": make_zip({"c.csv": explore("Date,Country,Sessions", "20260802,France,9")}),
    }
    result = read_files(FORMAT, tmp_path, files)
    assert result.short == [
        ("2026-08-01", "country", "FR", {"visitors": 4, "sessions": 5}),
        ("2026-08-02", "country", "FR", {"visitors": 1, "sessions": 1}),
    ]
    assert result.tally.skipped == {"figures that another file gives already": 1}


def test_hosts(tmp_path: Path) -> None:
    """The site is that of the rows, unless one is given."""
    text = explore(
        "Date,Hostname,Views", "20260801,Example.com,5", "20260801,blog.example.com,2", "20260801,(not set),9"
    )
    result = read_files(FORMAT, tmp_path, {"a.csv": text}, "")
    assert [(one.domain, one.pageviews) for one in result.figures] == [("blog.example.com", 2), ("example.com", 5)]
    assert result.tally.skipped == {"rows without a site": 1}
    given = read_files(FORMAT, tmp_path, {"a.csv": text}, "a.example")
    assert [(one.domain, one.pageviews) for one in given.figures] == [("a.example", 16)]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param("Date,Sessions,Bounce rate\n20260801,4,0.25\n", {"sessions": 4, "bounces": 1}, id="fraction"),
        pytest.param("Date,Sessions,Bounce rate\n20260801,4,25%\n", {"sessions": 4, "bounces": 1}, id="percentage"),
        pytest.param(
            "Date,Bounce rate,Sessions,Engaged sessions\n20260801,1,4,3\n", {"sessions": 4, "bounces": 1}, id="engaged"
        ),
        pytest.param("Views,Date\n3,20260801\n", {"pageviews": 3}, id="another order"),
        pytest.param("\ufeffDate,Views\r\n2026-08-01,3.0\r\n", {"pageviews": 3}, id="byte order mark, CRLF, hyphens"),
        pytest.param('"Date","Total users","Active users"\n"20260801",4,3', {"visitors": 4}, id="quotes"),
    ],
)
def test_spelling(tmp_path: Path, text: str, counts: dict[str, int]) -> None:
    result = read_files(FORMAT, tmp_path, {"a.csv": text})
    assert result.short == [("2026-08-01", "", "", counts)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("20260801,/", "2 cells where 3 are needed", id="cut"),
        pytest.param("20261301,/,1", "month must be in 1..12", id="no day"),
        pytest.param("(other),/,1", "no day such as 2026-08-01", id="other days"),
        pytest.param("20260801,/,-1", "no count", id="negative"),
        pytest.param('20260801,/,"1,5"', "no count", id="fraction"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, why: str) -> None:
    text = explore("Date,Page path,Views", row, "20260801,/,2")
    result = read_files(FORMAT, tmp_path, {"a.csv": text})
    assert result.of("path") == {"/": {"pageviews": 2}}
    assert result.whys == [("a.csv", 8, why)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(f"{REPORT}{AUGUST}\nCountry,Active users\nFrance,5\n", "add the dimension Date", id="a month"),
        pytest.param("Country,Active users\nFrance,5\n", "add the dimension Date", id="no days at all"),
        pytest.param("# Startdatum: 20260801\nDatum,Aufrufe\n20260801,5\n", "switch GA4 to English", id="German"),
        pytest.param("a,b\n1,2\n", "no dimension and metric", id="another file"),
        pytest.param(f"{EXPLORATION}Date,Page title,Views\n20260801,Home,5\n", "no dimension and metric", id="titles"),
    ],
)
def test_unreadable(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=f"a.csv: .*{why}"):
        read_files(FORMAT, tmp_path, {"a.csv": text})


def test_no_site(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --site example"):
        read_files(FORMAT, tmp_path, {"a.csv": explore("Date,Views", "20260801,5")}, "")


def test_empty_files(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"a.csv": "", "b.csv": EXPLORATION, "c.csv": "\n\n"})
    assert (result.figures, result.tally.skipped) == ([], {"files without data": 3})


def test_recognise() -> None:
    assert FORMAT.recognise("a.csv", explore("Date,Views").encode())
    assert FORMAT.recognise("a.csv", f"{REPORT}{AUGUST}".encode())
    assert FORMAT.recognise("a.csv", b'"Date","Page path","Views"\n')
    assert FORMAT.recognise("a.csv", b"# Startdatum: 20260801\n")
    assert not FORMAT.recognise("a.csv", b"date,visitors,pageviews,bounces,visits,visit_duration\n")
    assert not FORMAT.recognise("a.csv", b"date,label,nb_visits,nb_uniq_visitors\n")
    assert not FORMAT.recognise("a.csv", b"#Version: 1.0\n#Fields: date time\n")
    assert not FORMAT.recognise("a.csv", b"")
    assert not FORMAT.recognise("a.csv", bytes(range(256)))
