"""Plausible's export, by files written after the columns of its public source."""

import gzip
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.imports.figures.plausible import FORMAT
from tests.imports.figures.reading import make_zip, read_files, read_paths

VISITORS = """"date","visitors","pageviews","bounces","visits","visit_duration"
"2026-08-01",10,30,4,12,600
"2026-08-02",1,1,1,1,0
"""
SOURCES = (
    '"date","source","referrer","utm_source","utm_medium","utm_campaign","utm_content","utm_term",'
    '"pageviews","visitors","visits","visit_duration","bounces"\n'
    '"2026-08-01","Google","google.com","","","","","",9,5,6,300,1\n'
    '"2026-08-01","Direct / None","","","","","","",6,2,2,100,1\n'
    '"2026-08-01","newsletter","","newsletter","email","august, ""big""","top","",12,2,3,180,2\n'
    '"2026-08-01","Google","google.com","google","cpc","august, ""big""","","shoes",3,1,1,20,0\n'
    '"2026-08-01","Google","www.google.com/search","","(gclid)","","","",1,1,1,0,1\n'
    '"2026-08-01","blog.example.org","blog.example.org/post","","","","","",1,1,1,0,1\n'
)
PAGES = """"date","hostname","page","visits","visitors","pageviews","total_scroll_depth","total_scroll_depth_visits"
"2026-08-01","example.com","/",8,7,12,500,6
"2026-08-01","example.com","/caf\u00e9//menu",3,3,4,\\N,0
"2026-08-01","www.example.com","/",1,1,2,0,0
"""
LOCATIONS = """"date","country","region","city","visitors","visits","visit_duration","bounces","pageviews"
"2026-08-01","US","US-TX",4671654,4,5,10,1,6
"2026-08-01","US","",0,1,1,5,0,1
"2026-08-01","FR","FR-IDF",2988507,2,2,20,0,3
"2026-08-01","\\N","\\N",\\N,3,3,30,3,3
"""
EVENTS = """"date","name","link_url","path","visitors","events"
"2026-08-01","engagement","","/",9,90
"2026-08-01","Outbound Link: Click","https://example.org/a?b=1","/",2,3
"2026-08-01","Outbound Link: Click","https://example.org/a?b=1","/b",1,1
"2026-08-01","File Download","https://example.com/report.pdf","/",1,2
"2026-08-01","Signup","","/join",4,5
"2026-08-01","Outbound Link: Click","","/",1,1
"""
BROWSERS = """"date","browser","browser_version","visitors","visits","visit_duration","bounces","pageviews"
"2026-08-01","Chrome","126.0",3,4,50,1,8
"2026-08-01","Chrome","125.0",1,1,5,1,1
"2026-08-01","","",1,1,0,1,1
"""
VISIT = {"visitors": 1, "sessions": 1, "seconds": 2, "bounces": 0, "pageviews": 3}


def test_days(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"imported_visitors_20260801_20260802.csv": VISITORS})
    assert result.short == [
        ("2026-08-01", "", "", {"visitors": 10, "sessions": 12, "pageviews": 30, "bounces": 4, "seconds": 600}),
        ("2026-08-02", "", "", {"visitors": 1, "sessions": 1, "pageviews": 1, "bounces": 1, "seconds": 0}),
    ]
    assert [one.domain for one in result.figures] == ["example.com", "example.com"]
    assert (result.tally.rows, result.tally.bad, result.told[-1]) == (2, 0, len(VISITORS))


def test_sources(tmp_path: Path) -> None:
    """A row has several dimensions; Prisme names the sources, and finds the channels."""
    result = read_files(FORMAT, tmp_path, {"imported_sources_20260801_20260831.csv": SOURCES})
    sessions = {
        dimension: {value: found["sessions"] for value, found in result.of(dimension).items()}
        for dimension in sorted(result.dimensions)
    }
    assert sessions == {
        "channel": {
            "Direct": 2, "Email": 3, "Organic search": 6, "Paid search": 2, "Referral": 1,
        },
        "referrer": {"blog.example.org": 1, "direct": 5, "google.com": 7, "www.google.com": 1},
        "source": {"Direct": 2, "Google": 8, "blog.example.org": 1, "newsletter": 3},
        "utm-campaign": {'august, "big"': 4},
        "utm-content": {"top": 3},
        "utm-medium": {"cpc": 1, "email": 3},
        "utm-source": {"google": 1, "newsletter": 3},
        "utm-term": {"shoes": 1},
    }  # fmt: skip
    assert result.of("source")["Google"] == {
        "visitors": 7, "sessions": 8, "pageviews": 13, "bounces": 2, "seconds": 320,
    }  # fmt: skip


def test_pages(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"imported_pages_20260801_20260831.csv": PAGES})
    assert result.short == [
        ("2026-08-01", "path", "/", {"visitors": 8, "sessions": 9, "pageviews": 14}),
        ("2026-08-01", "path", "/caf%C3%A9/menu", {"visitors": 3, "sessions": 3, "pageviews": 4}),
    ]


def test_places(tmp_path: Path) -> None:
    """Cities are numbers without names."""
    result = read_files(FORMAT, tmp_path, {"imported_locations_20260801_20260831.csv": LOCATIONS})
    assert {value: found["visitors"] for value, found in result.of("country").items()} == {"US": 5, "FR": 2, "XX": 3}
    assert {value: found["sessions"] for value, found in result.of("region").items()} == {
        "Texas (US)": 5,
        "FR-IDF (FR)": 2,
    }
    assert result.dimensions == {"country", "region"}
    assert "columns of cities, which are numbers without names" in result.tally.skipped


def test_events(tmp_path: Path) -> None:
    """Clicks and downloads are told from other events, and those of its script are none."""
    result = read_files(FORMAT, tmp_path, {"imported_custom_events_20260801_20260831.csv": EVENTS})
    assert result.short == [
        ("2026-08-01", "", "", {"events": 12}),
        ("2026-08-01", "event", "Outbound Link: Click", {"visitors": 1, "events": 1}),
        ("2026-08-01", "event", "Signup", {"visitors": 4, "events": 5}),
        ("2026-08-01", "file-download", "https://example.com/report.pdf", {"visitors": 1, "events": 2}),
        ("2026-08-01", "outbound-link", "https://example.org/a?b=1", {"visitors": 3, "events": 4}),
    ]
    assert result.tally.skipped == {"events that Plausible's script makes itself": 1}


def test_browsers(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"imported_browsers_20260801_20260831.csv": BROWSERS})
    assert result.of("browser") == {
        "Chrome": {"visitors": 4, "sessions": 5, "pageviews": 9, "bounces": 2, "seconds": 55},
        "Other": {"visitors": 1, "sessions": 1, "pageviews": 1, "bounces": 1, "seconds": 0},
    }


@pytest.mark.parametrize(
    ("name", "header", "row", "dimension", "value", "counts"),
    [
        pytest.param(
            "entry_pages", "date,entry_page,visitors,entrances,visit_duration,bounces,pageviews", "/a,1,1,2,0,3",
            "entry-path", "/a", VISIT, id="entry pages",
        ),
        pytest.param(
            "entry_pages", "date,entry_page,visitors,entrances,visit_duration,bounces", "/a,1,1,2,0",
            "entry-path", "/a", {"visitors": 1, "sessions": 1, "seconds": 2, "bounces": 0}, id="older entry pages",
        ),
        pytest.param(
            "exit_pages", "date,exit_page,visitors,visit_duration,exits,bounces,pageviews", "/a,1,2,1,0,3",
            "exit-path", "/a", VISIT, id="exit pages",
        ),
        pytest.param(
            "exit_pages", "date,exit_page,visitors,exits", "/a,1,5", "exit-path", "/a",
            {"visitors": 1, "sessions": 5}, id="older exit pages",
        ),
        pytest.param(
            "pages", "date,hostname,page,visits,visitors,pageviews,scroll_depth,pageleave_visitors",
            "example.com,/a,1,2,3,50,1", "path", "/a", {"visitors": 2, "sessions": 1, "pageviews": 3},
            id="pages with scroll depth",
        ),
        pytest.param(
            "pages", "date,hostname,page,visitors,pageviews,exits,time_on_page", "example.com,/a,2,3,9,9",
            "path", "/a", {"visitors": 2, "pageviews": 3}, id="pages with exits",
        ),
        pytest.param(
            "devices", "date,device,visitors,visits,visit_duration,bounces,pageviews", "Laptop,1,1,2,0,3",
            "device-type", "desktop", VISIT, id="devices",
        ),
        pytest.param(
            "operating_systems",
            "date,operating_system,operating_system_version,visitors,visits,visit_duration,bounces,pageviews",
            "Mac,14.5,1,1,2,0,3", "os", "macOS", VISIT, id="systems",
        ),
        pytest.param(
            "browsers", "pageviews,bounces,visit_duration,visits,visitors,browser,date", "", "browser", "Firefox",
            VISIT, id="columns in another order",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["imported_", ""])
def test_columns(  # the columns of all versions, by name
    tmp_path: Path, prefix: str, name: str, header: str, row: str, dimension: str, value: str, counts: dict[str, int]
) -> None:
    line = f"2026-08-01,{row}" if row else "3,0,2,1,1,Firefox,2026-08-01"
    result = read_files(FORMAT, tmp_path, {f"{prefix}{name}_20260801_20260831.csv": f"{header}\n{line}\n"})
    assert result.short == [("2026-08-01", dimension, value, counts)]


def test_all_at_once(tmp_path: Path) -> None:
    """The zip, the folder of its files, and the files, give the same, in the order of days; given twice, no more."""
    files = {
        "imported_visitors_20260801_20260831.csv": VISITORS,
        "imported_pages_20260801_20260831.csv": PAGES,
        "imported_browsers_20260801_20260831.csv": BROWSERS,
    }
    zipped = read_files(FORMAT, tmp_path, {"example_com_20260901.zip": make_zip(files)})
    assert [(one.day.day, one.dimension) for one in zipped.figures] == [
        (1, ""), (1, "browser"), (1, "browser"), (1, "path"), (1, "path"), (2, ""),
    ]  # fmt: skip
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    assert read_paths(FORMAT, tmp_path, [folder]).figures == zipped.figures
    paths = sorted(folder.iterdir())
    twice = read_paths(FORMAT, tmp_path, [*paths, tmp_path / "example_com_20260901.zip"])
    assert twice.figures == zipped.figures
    assert twice.tally.skipped == {"figures that another file gives already": 8}
    (folder / "pages.csv.gz").write_bytes(gzip.compress(PAGES.encode()))
    assert read_paths(FORMAT, tmp_path, [folder / "pages.csv.gz"]).of("path") == zipped.of("path")


def test_overlap(tmp_path: Path) -> None:
    """Two exports that overlap: of each day, the first counts."""
    result = read_files(
        FORMAT,
        tmp_path,
        {
            "a.csv": "date,visitors,visits\n2026-08-01,1,1\n2026-08-02,2,2\n",
            "b.csv": "date,visitors,visits\n2026-08-02,5,5\n2026-08-03,3,3\n",
        },
    )
    assert [one.visitors for one in result.figures] == [1, 2, 3]
    assert result.tally.skipped == {"figures that another file gives already": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param("2026-08-01,1\n", "2 cells where 3 are needed", id="cut"),
        pytest.param("yesterday,1,1\n", "no day such as 2026-08-01", id="no day"),
        pytest.param("2026-02-30,1,1\n", "day is out of range for month", id="impossible day"),
        pytest.param("2026-08-01,-1,1\n", "no count", id="negative"),
        pytest.param("2026-08-01,many,1\n", "no count", id="text"),
        pytest.param("2026-08-01,99999999999999999999,1\n", "no count", id="huge"),
        pytest.param('"2026-08-01,1,1\n', "1 cells where 3 are needed", id="an open quote"),
    ],
)
def test_bad_rows(tmp_path: Path, content: str, why: str) -> None:
    """They are counted, with the reason, and the others are read."""
    text = f"date,visitors,visits\n2026-08-02,1,2\n{content}"
    result = read_files(FORMAT, tmp_path, {"visitors.csv": text})
    assert result.short == [("2026-08-02", "", "", {"visitors": 1, "sessions": 2})]
    assert result.whys == [("visitors.csv", 3, why)]
    assert (result.tally.rows, result.tally.bad) == (2, 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("date,visitors,visits\r\n2026-08-01,1,2\r\n", id="CRLF"),
        pytest.param("\ufeffdate,visitors,visits\n2026-08-01,1,2", id="byte order mark, no end of line"),
        pytest.param("date,visitors,visits\n\n2026-08-01,1,2\n\n\n", id="blank lines"),
        pytest.param("Date, Visitors ,VISITS\n2026-08-01, 1 ,2\n", id="blanks and capitals"),
    ],
)
def test_spelling(tmp_path: Path, content: str) -> None:
    result = read_files(FORMAT, tmp_path, {"visitors.csv": content})
    assert result.short == [("2026-08-01", "", "", {"visitors": 1, "sessions": 2})]
    assert result.tally.bad == 0


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"visitors.csv": ""}, id="empty"),
        pytest.param({"visitors.csv": "a,b\n1,2\n"}, id="other columns"),
        pytest.param({"visitors.csv": "visitors,visits\n1,2\n"}, id="no day"),
        pytest.param({"export.zip": make_zip({"readme.txt": "x"})}, id="zip without tables"),
        pytest.param({"export.zip": make_zip({})}, id="empty zip"),
        pytest.param({"visitors.csv": b"\xff\x00\x10\x00\n\x80"}, id="bytes"),
    ],
)
def test_no_export(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    with pytest.raises(InputError, match="no table of Plausible"):
        read_files(FORMAT, tmp_path, files)


def test_other_files(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"visitors.csv": VISITORS, "notes.csv": "a,b\n1,2\n"})
    assert len(result.figures) == 2
    assert result.tally.skipped == {"files that are no tables of Plausible": 1}


@pytest.mark.parametrize(
    ("name", "hosts", "site"),
    [
        pytest.param("any.zip", ["www.example.com"], "www.example.com", id="one host"),
        pytest.param("example_com_20260901.zip", ["www.example.com", "example.com"], "example.com", id="named"),
        pytest.param("My-Site_com_20260901 (1).zip", ["my-site.com", "a.example"], "my-site.com", id="hyphen, copy"),
        pytest.param("any.zip", ["example.com:8443", "", "(not set)"], "example.com:8443", id="a port, and none"),
        pytest.param("any.zip", ["www.example.com", "example.com"], "", id="two hosts"),
        pytest.param("example_com_20260901.zip", [], "", id="no host"),
        pytest.param("other_20260901.zip", ["a.example", "b.example"], "", id="another name"),
    ],
)
def test_site(tmp_path: Path, name: str, hosts: list[str], site: str) -> None:
    """The site is asked for where the export does not say it."""
    pages = "date,hostname,page,visitors\n" + "".join(f"2026-08-01,{host},/,1\n" for host in hosts)
    files = {name: make_zip({"imported_pages_20260801_20260801.csv": pages, "imported_visitors_1_2.csv": VISITORS})}
    if site:
        assert {one.domain for one in read_files(FORMAT, tmp_path, files, "").figures} == {site}
    else:
        with pytest.raises(InputError, match="add --site example"):
            read_files(FORMAT, tmp_path, files, "")


def test_recognise(tmp_path: Path) -> None:
    assert not FORMAT.recognise(str(tmp_path), b"")
    (tmp_path / "imported_visitors_20260801_20260831.csv").touch()
    assert FORMAT.recognise(str(tmp_path), b"")
    assert FORMAT.recognise("/srv/a/pages_20260801_20260831.csv", PAGES.encode())
    archive = make_zip({"imported_visitors_20260801_20260831.csv": VISITORS})
    assert FORMAT.recognise("export.zip", archive)
    assert FORMAT.recognise("imported_visitors_20260801_20260831.csv", VISITORS.encode())
    assert FORMAT.recognise("pages_20260801_20260831.csv", PAGES.encode())
    assert FORMAT.recognise("imported_custom_events_20260801_20260831.csv", EVENTS.encode())
    assert not FORMAT.recognise("export.zip", make_zip({"events.csv": "a,b"}))
    assert not FORMAT.recognise("x.csv", b"date,label,nb_visits,nb_uniq_visitors\n")
    assert not FORMAT.recognise("x", b"")
    assert not FORMAT.recognise("x", bytes(range(256)))
