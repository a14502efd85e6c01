"""Matomo's reports, by files written after the public source of its CSV export and its documentation."""

import datetime
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.imports.figures.matomo import FORMAT, read_name_day
from tests.imports.figures.reading import make_zip, read_files

SUMMARY = (
    "date,nb_uniq_visitors,nb_users,nb_visits,nb_actions,nb_visits_converted,bounce_count,sum_visit_length,"
    "max_actions,bounce_rate,nb_actions_per_visit,avg_time_on_site\n"
    "2026-08-01,10,0,12,40,0,4,600,9,33%,3.3,50\n"
    "2026-08-02,,,,,,,,,,,\n"
    "2026-08-03,1,0,1,1,0,1,0,1,100%,1,0\n"
)
TRANSLATED = (
    "Date,Unique visitors,Users,Visits,Actions,Visits with Conversions,Bounces,"
    "Total time spent by visitors (in seconds),Maximum actions in one visit,Bounce Rate,Actions per Visit,"
    "Avg. Visit Duration (in seconds)\n" + SUMMARY.partition("\n")[2]
)
PAGES = (
    "date,label,nb_visits,nb_uniq_visitors,nb_hits,sum_time_spent,entry_nb_visits,exit_nb_visits,metadata_url\n"
    "2026-08-01,/index,8,7,12,100,6,5,https://example.com/\n"
    '2026-08-01,"/caf\u00e9, bar",2,2,3,10,0,0,https://example.com/caf%c3%a9?id=1\n'
    "2026-08-01,/blog/post,1,1,1,5,0,0,\n"
    "2026-08-01,blog,3,3,4,5,0,0,\n"
    "2026-08-01,Others,9,9,9,0,0,0,\n"
)
VISITS = "nb_uniq_visitors,nb_visits,nb_actions,max_actions,sum_visit_length,bounce_count"


def visits(number: int) -> dict[str, int]:
    """The counts of a row that ends with `rest`."""
    return {"visitors": number, "sessions": number + 1, "bounces": 1, "seconds": 60}


def rest(number: int) -> str:
    return f"{number},{number + 1},9,3,60,1"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SUMMARY, id="names of the API"),
        pytest.param(b"\xff\xfe" + TRANSLATED.encode("utf-16-le"), id="as pages export it"),
    ],
)
def test_days(tmp_path: Path, content: str | bytes) -> None:
    """Days without visits have no figures."""
    result = read_files(FORMAT, tmp_path, {"VisitsSummary.get.csv": content})
    assert result.short == [
        ("2026-08-01", "", "", {"visitors": 10, "sessions": 12, "pageviews": 40, "bounces": 4, "seconds": 600}),
        ("2026-08-03", "", "", {"visitors": 1, "sessions": 1, "pageviews": 1, "bounces": 1, "seconds": 0}),
    ]
    assert result.tally.skipped == {"days without data": 1}


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        pytest.param(
            "nb_visits,nb_pageviews,nb_actions\n3,5,9\n", {"sessions": 3, "pageviews": 5}, id="pageviews before actions"
        ),
        pytest.param(
            "nb_visits,bounce_rate,avg_time_on_site\n4,50%,12.4\n", {"sessions": 4, "bounces": 2, "seconds": 50},
            id="rates",
        ),
        pytest.param(
            "nb_visits,avg_time_on_site,bounce_rate\n4,00:10:55,33%\n", {"sessions": 4, "bounces": 1, "seconds": 2620},
            id="for people",
        ),
        pytest.param("bounce_rate,nb_visits\n0.25,4\n", {"sessions": 4, "bounces": 1}, id="a fraction, another order"),
        pytest.param("nb_uniq_visitors,nb_visits\n0,0\n", {"visitors": 0, "sessions": 0}, id="nobody"),
    ],
)  # fmt: skip
def test_summary_columns(tmp_path: Path, content: str, counts: dict[str, int]) -> None:
    result = read_files(FORMAT, tmp_path, {"Summary_2026-08-01.csv": content})
    assert result.short == [("2026-08-01", "", "", counts)]


def test_pages(tmp_path: Path) -> None:
    """By their URLs, or by the labels of flat reports; not folders, and not what was summed up as others."""
    result = read_files(FORMAT, tmp_path, {"Actions.getPageUrls.csv": PAGES})
    assert result.of("path") == {
        "/": {"visitors": 7, "sessions": 8, "pageviews": 12},
        "/caf%C3%A9": {"visitors": 2, "sessions": 2, "pageviews": 3},
        "/blog/post": {"visitors": 1, "sessions": 1, "pageviews": 1},
    }
    assert result.tally.skipped == {"values that are not known, or summed up as others": 2}


@pytest.mark.parametrize(
    ("method", "header", "rows", "dimension", "expected"),
    [
        pytest.param(
            "Actions.getEntryPageUrls",
            "entry_nb_uniq_visitors,entry_nb_visits,entry_bounce_count,entry_sum_visit_length,metadata_url",
            "/a,1,2,1,60,https://example.com/a", "entry-path",
            {"/a": {"visitors": 1, "sessions": 2, "bounces": 1, "seconds": 60}}, id="entry pages",
        ),
        pytest.param(
            "Actions.getExitPageUrls", "exit_nb_visits,nb_visits,sum_daily_exit_nb_uniq_visitors", "/a,2,9,1",
            "exit-path", {"/a": {"visitors": 1, "sessions": 2}}, id="exit pages",
        ),
        pytest.param(
            "Actions.getDownloads", "nb_visits,nb_hits,metadata_url", "example.com/a.pdf,1,2,https://example.com/a.pdf",
            "file-download", {"https://example.com/a.pdf": {"sessions": 1, "events": 2}}, id="downloads",
        ),
        pytest.param(
            "Actions.getOutlinks", "nb_visits,nb_hits", "https://example.org/x,1,2", "outbound-link",
            {"https://example.org/x": {"sessions": 1, "events": 2}}, id="outlinks",
        ),
        pytest.param(
            "Events.getAction", "nb_uniq_visitors,nb_visits,nb_events", '"play, ""x""",1,2,3', "event",
            {'play, "x"': {"visitors": 1, "sessions": 2, "events": 3}}, id="events",
        ),
        pytest.param(
            "UserCountry.getCountry", f"{VISITS},metadata_code", f"Frankreich,{rest(2)},fr\nUnknown,{rest(1)},xx",
            "country", {"FR": visits(2), "XX": visits(1)}, id="countries by code",
        ),
        pytest.param(
            "UserCountry.getCountry", VISITS, f"United States,{rest(2)}", "country", {"US": visits(2)},
            id="countries by name",
        ),
        pytest.param(
            "UserCountry.getRegion", f"{VISITS},metadata_region_name,metadata_country",
            f'"\u00cele-de-France, France",{rest(2)},\u00cele-de-France,fr\n"Unknown, France",{rest(1)},Unknown,fr',
            "region", {"\u00cele-de-France (FR)": visits(2)}, id="regions",
        ),
        pytest.param(
            "UserCountry.getCity", VISITS, f'"Austin, Texas, United States",{rest(2)}\nUnknown,{rest(1)}', "city",
            {"Austin (US)": visits(2)}, id="cities by label",
        ),
        pytest.param(
            "DevicesDetection.getBrowsers", VISITS, f"Mobile Safari,{rest(2)}\nUnknown,{rest(1)}\nChrome,{rest(3)}",
            "browser", {"Mobile Safari": visits(2), "Other": visits(1), "Chrome": visits(3)}, id="browsers",
        ),
        pytest.param(
            "DevicesDetection.getOsFamilies", VISITS, f"Mac,{rest(2)}", "os", {"macOS": visits(2)}, id="systems"
        ),
        pytest.param(
            "DevicesDetection.getType", VISITS, f"Smartphone,{rest(2)}", "device-type", {"mobile": visits(2)},
            id="types of devices",
        ),
        pytest.param(
            "Referrers.getCampaigns", VISITS, f"august - sale,{rest(2)}", "utm-campaign", {"august - sale": visits(2)},
            id="campaigns",
        ),
        pytest.param(
            "Referrers.getReferrerType", VISITS,
            f"Direct Entry,{rest(1)}\nSearch Engines,{rest(2)}\nWebsites,{rest(3)}\nSocial Networks,{rest(4)}",
            "channel",
            {"Direct": visits(1), "Organic search": visits(2), "Referral": visits(3), "Social": visits(4)},
            id="channels",
        ),
    ],
)  # fmt: skip
def test_reports(
    tmp_path: Path, method: str, header: str, rows: str, dimension: str, expected: dict[str, dict[str, int]]
) -> None:
    """The value of each dimension, by the name that Prisme has for it."""
    lines = "".join(f"2026-08-01,{row}\n" for row in rows.split("\n"))
    result = read_files(FORMAT, tmp_path, {f"{method}_2026.csv": f"date,label,{header}\n{lines}"})
    assert result.of(dimension) == expected
    assert result.tally.bad == 0


def test_sources(tmp_path: Path) -> None:
    """Sources come from four reports, and no report's are counted twice."""
    files = {
        "Referrers.getReferrerType.csv": f"Direct Entry,{rest(1)}\nWebsites,{rest(2)}\n",
        "Referrers.getWebsites.csv": f"News.example.org,{rest(2)}\nnews.example.org/a - x,{rest(3)}\n",
        "Referrers.getSearchEngines.csv": f"Google,{rest(4)}\nBing - words,{rest(1)}\n",
        "Referrers.getSocials.csv": f"Facebook,{rest(5)}\n",
    }
    texts = {
        name: f"date,label,{VISITS}\n" + "".join(f"2026-08-01,{row}\n" for row in rows.splitlines())
        for name, rows in files.items()
    }
    texts["copy_of_Referrers.getSocials.csv"] = texts["Referrers.getSocials.csv"]
    result = read_files(FORMAT, tmp_path, texts)
    assert {value: found["sessions"] for value, found in result.of("source").items()} == {
        "Direct": 2, "news.example.org": 7, "Google": 5, "Bing": 2, "Facebook": 6,
    }  # fmt: skip
    assert {value: found["sessions"] for value, found in result.of("referrer").items()} == {
        "direct": 2, "news.example.org": 7,
    }  # fmt: skip
    assert result.tally.skipped == {"figures that another file gives already": 1}


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Actions.getPageUrls_2026-08-01.csv", "2026-08-01"),
        ("Export _ Page URLs _ August 1, 2026.csv", "2026-08-01"),
        ("Export _ Page URLs _ Saturday, August 1, 2026.csv", "2026-08-01"),
        ("a_2026-08-01_b_2026-08-01.csv", "2026-08-01"),
        ("Actions.getPageUrls_2026-08-01_2026-08-31.csv", ""),
        ("Export _ Page URLs _ From August 1, 2026 to August 9, 2026.csv", ""),
        ("Export _ Page URLs _ August 1 \u2013 31, 2026.csv", ""),
        ("Export _ Page URLs _ August 2026.csv", ""),
        ("Actions.getPageUrls_2026-02-30.csv", ""),
        ("Actions.getPageUrls.csv", ""),
    ],
)
def test_day_in_the_name(name: str, day: str) -> None:
    assert read_name_day(name) == (datetime.date.fromisoformat(day) if day else None)


@pytest.mark.parametrize(
    "name",
    [
        "Actions.getPageUrls_2026-08-01.csv",
        "Export _ Page URLs _ August 1, 2026.csv",
        "Actions_getPageUrls_2026-08-01.csv",
    ],
)
def test_file_of_a_day(tmp_path: Path, name: str) -> None:
    header, row = "Label,Pageviews,Unique Pageviews,Bounces", "/a,3,2,1"
    result = read_files(FORMAT, tmp_path, {name: f"{header}\r\n{row}\r\n"})
    assert result.short == [("2026-08-01", "path", "/a", {"sessions": 2, "pageviews": 3})]


def test_reports_by_email(tmp_path: Path) -> None:
    """A file with several reports, each below its title; those without data, and without figures, are passed over."""
    text = (
        "Visits Summary\nnb_uniq_visitors,nb_visits,nb_actions,avg_time_on_site,bounce_rate\n2,11,43,00:10:55,27%\n\n"
        "Custom Variables\nNo data available\n\n"
        "Device model\nlabel,nb_visits\nGeneric Desktop,3\nUnknown,8\n\n"
        "Country\nlabel,nb_visits,avg_time_on_site,bounce_rate\nFrance,3,00:00:00,100%\n\n"
        "Page URLs\nlabel,nb_visits,nb_hits\n/index.htm,9,9\nPage URL not defined,9,17\n"
    )
    result = read_files(FORMAT, tmp_path, {"report_2026-08-01.csv": text})
    assert result.short == [
        ("2026-08-01", "", "", {"visitors": 2, "sessions": 11, "pageviews": 43, "bounces": 3, "seconds": 7205}),
        ("2026-08-01", "country", "FR", {"sessions": 3, "bounces": 3, "seconds": 0}),
        ("2026-08-01", "path", "/index.htm", {"sessions": 9, "pageviews": 9}),
    ]
    assert result.tally.skipped == {
        "rows of reports that Prisme has no figures for": 2,
        "values that are not known, or summed up as others": 1,
    }


def test_zip(tmp_path: Path) -> None:
    result = read_files(FORMAT, tmp_path, {"a.zip": make_zip({"VisitsSummary.get.csv": SUMMARY})})
    assert [one.visitors for one in result.figures] == [10, 1]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        pytest.param("Actions.getPageUrls_2026-08.csv", "label,nb_hits\n/,1\n", "period=day", id="no day"),
        pytest.param("Export _ Pages _ August 2026.csv", "label,nb_hits\n/,1\n", "period=day", id="a month"),
        pytest.param("pages.csv", "date,label,nb_hits\n2026-08-01,/,1\n", "which report is it", id="no name"),
        pytest.param("pages.csv", "Datum,Bezeichnung,Besuche\n1,2,3\n", "in English or as such", id="German"),
        pytest.param("pages.csv", "a,b\n1,2\n", "no report of Matomo", id="other columns"),
        pytest.param("pages.csv", "value\n57\n", "no report of Matomo", id="one column"),
        pytest.param("pages.csv", "Error: You can't access this\n", "had no report.*You can't access", id="an error"),
    ],
)
def test_unreadable(tmp_path: Path, name: str, content: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_files(FORMAT, tmp_path, {name: content})


def test_no_site(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --site example"):
        read_files(FORMAT, tmp_path, {"VisitsSummary.get.csv": SUMMARY}, "")


def test_nothing_to_read(tmp_path: Path) -> None:
    """Empty files, those without data, and reports that Prisme has no figures for, are counted."""
    files: dict[str, str | bytes] = {
        "a.csv": "",
        "b.csv": "No data available",
        "c.csv": b"\xff\xfe" + "No data available".encode("utf-16-le"),
        "Actions.getPageTitles.csv": "date,label,nb_hits\n2026-08-01,Home,1\n2026-08-01,About,1\n",
    }
    result = read_files(FORMAT, tmp_path, files)
    assert result.figures == []
    assert result.tally.skipped == {"files without data": 3, "rows of reports that Prisme has no figures for": 2}


def test_bad_rows(tmp_path: Path) -> None:
    rows = "2026-08-01,/,1\nFrom 2026-08-03 to 2026-08-09,/,1\n2026-08-01,/a,x\n2026-08-01,/b\n"
    result = read_files(FORMAT, tmp_path, {"Actions.getPageUrls.csv": f"date,label,nb_hits\n{rows}"})
    assert result.of("path") == {"/": {"pageviews": 1}}
    assert [(number, why) for _, number, why in result.whys] == [
        (3, "no day such as 2026-08-01"),
        (4, "no count"),
        (5, "2 cells where 3 are needed"),
    ]


def test_recognise() -> None:
    for content in (SUMMARY.encode(), b"\xff\xfe" + TRANSLATED.encode("utf-16-le"), PAGES.encode()):
        assert FORMAT.recognise("any.csv", content)
    assert FORMAT.recognise("any.csv", b"Label,Unique visitors,Visits\n")
    assert not FORMAT.recognise("any.csv", b"date,visitors,visits,visit_duration,bounces,pageviews\n")
    assert not FORMAT.recognise("any.csv", b"Date,Views\n")
    assert not FORMAT.recognise("any.csv", bytes(range(256)))
    assert FORMAT.recognise("any.zip", make_zip({"x/Actions.getPageUrls.csv": PAGES}))
    assert not FORMAT.recognise("any.zip", make_zip({"getaway.csv": PAGES}))
    assert not FORMAT.recognise("any.csv", b"")
