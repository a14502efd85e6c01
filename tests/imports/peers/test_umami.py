"""Reads Umami's tables: the rows of its cloud's export, and dumps of its Postgres."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.base.events import Client, Place, Session, Utm
from prisme.imports.ids import visit_id, visitor_id
from prisme.imports.items import Item, Request, Row, Visit
from prisme.imports.peers.umami import FORMAT
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.peers.reading import COMPRESS, read_all, write

SITE = "0a9d3c1e-1111-4c1c-8b8b-000000000001"
V1, V2 = "7f3e1d52-0001-5aaa-9bbb-000000000001", "1f3e1d52-0002-5aaa-9bbb-000000000002"
S1, S2 = "3b0c4d6e-0001-5ccc-9ddd-000000000001", "3b0c4d6e-0002-5ccc-9ddd-000000000002"
E1, E2, E3, E4 = (f"5d1e2f30-000{number}-4eee-8fff-000000000000" for number in range(1, 5))
LAPTOP = Client("macOS", "Safari", "Mac", "desktop")
PHONE = Client("Android", "Chrome Mobile", "Other", "mobile")
CLOUD = f"""\
website_id,session_id,visit_id,event_id,hostname,browser,os,device,screen,language,country,region,city,url_path,url_query,\
utm_source,utm_medium,utm_campaign,utm_content,utm_term,referrer_path,referrer_query,referrer_domain,page_title,gclid,\
event_type,event_name,tag,distinct_id,created_at,job_id
{SITE},{S2},{V2},{E3},www.example.com,chrome,Android OS,mobile,390x844,de-DE,DE,DE-BE,Berlin,/preise,gclid=x,\
,,,,,,,google.com,"Preise, ""neu""
und gut",x,1,,,,2026-03-29 01:30:00,\\N
{SITE},{S1},{V1},{E1},www.example.com,safari,Mac OS,laptop,1440x900,en-US,US,US-TX,Austin,/a%20b/,utm_source=letter&x=1\
,letter,,may,,,,,www.example.com,Home,,1,,,,2026-03-29 00:59:58,\\N
{SITE},{S1},{V1},{E2},www.example.com,safari,Mac OS,laptop,1440x900,en-US,US,US-TX,Austin,/a%20b/,,\
,,,,,,,,,,2,signup,,,2026-03-29 01:00:00,\\N
{SITE},{S1},{V1},{E4},www.example.com,safari,Mac OS,laptop,1440x900,en-US,US,US-TX,Austin,/done,,\
,,,,,,,www.example.com,Done,,1,,,user-7,2026-03-29 01:00:01,\\N
{SITE},{S1},{V1},{E4}5,www.example.com,safari,Mac OS,laptop,1440x900,en-US,US,US-TX,Austin,/done,,\
,,,,,,,,,,5,,,,2026-03-29 01:00:02,\\N
"""
DATA = f"""\
website_id,session_id,event_id,url_path,event_name,data_key,string_value,number_value,date_value,data_type,created_at,job_id
{SITE},{S1},{E2},/a%20b/,signup,plan,"pro ""x""
y",\\N,\\N,1,2026-03-29 01:00:00,\\N
{SITE},{S1},{E2},/a%20b/,signup,price,12.5000,12.5000,\\N,2,2026-03-29 01:00:00,\\N
{SITE},{S1},{E2},/a%20b/,signup,seats,3.0000,3.0000,\\N,2,2026-03-29 01:00:00,\\N
{SITE},{S1},{E2},/a%20b/,signup,trial,true,\\N,\\N,3,2026-03-29 01:00:00,\\N
{SITE},{S1},{E2},/a%20b/,signup,until,2026-04-01T00:00:00.000Z,\\N,2026-04-01 00:00:00,4,2026-03-29 01:00:00,\\N
{SITE},{S1},{E2},/a%20b/,signup,tags,"[1,""b""]",\\N,\\N,5,2026-03-29 01:00:00,\\N
"""
PROPERTIES = (
    '{"plan":"pro \\"x\\"\\ny","price":12.5,"seats":3,"tags":[1,"b"],"trial":true,"until":"2026-04-01T00:00:00.000Z"}'
)


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp() * 1_000_000)


FIRST, SIGNUP, DONE = at("2026-03-29 00:59:58"), at("2026-03-29 01:00:00"), at("2026-03-29 01:00:01")
SECOND = at("2026-03-29 01:30:00")
ANONYMOUS = visitor_id("umami", S1)
VISITS: list[Item] = [
    Visit(
        Session(
            visit_id(FIRST, "umami", "www.example.com", V1), "www.example.com", FIRST, "/a%20b/", DONE, "/done", 200,
            "user-7", LAPTOP, "US", "direct", Utm("letter", "", "may"), 2, 1, "", Place("Texas", "Austin"),
        ),
        [
            Row("pageview", FIRST, "/a%20b/", 200, visitor=ANONYMOUS),
            Row("custom", SIGNUP, "/a%20b/", 0, "signup", PROPERTIES, visitor=ANONYMOUS),
            Row("pageview", DONE, "/done", 200),
        ],
    ),
    Visit(
        Session(
            visit_id(SECOND, "umami", "www.example.com", V2), "www.example.com", SECOND, "/preise", SECOND, "/preise",
            200, visitor_id("umami", S2), PHONE, "DE", "google.com", Utm(), 1, 0, "gclid", Place("DE-BE", "Berlin"),
        ),
        [Row("pageview", SECOND, "/preise", 200)],
    ),
]  # fmt: skip


def read(files: Sequence[Path], site: str = "") -> tuple[list[Item], Tally]:
    return read_all(FORMAT, files, site)


@pytest.mark.parametrize("end", COMPRESS)
def test_the_export_of_the_cloud(tmp_path: Path, end: str) -> None:
    files = [
        write(tmp_path, f"event_data.csv{end}", DATA),
        write(tmp_path, f"website_event.csv{end}", CLOUD),
    ]
    items, tally = read(files)
    assert items == VISITS
    assert (tally.rows, tally.bad) == (11, 0)
    assert tally.skipped == {"events that are neither pageviews nor custom": 1}


def test_a_file_that_is_there_twice_adds_nothing(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "website_event.csv", CLOUD),
        write(tmp_path, "event_data.csv", DATA),
        write(tmp_path, "website_event-again.csv", CLOUD),
        write(tmp_path, "event_data-again.csv", DATA),
    ]
    assert read(files)[0] == VISITS


def dump(folder: Path, hosts: tuple[str, str] = ("", "")) -> list[Path]:
    """Tables of Postgres, where an event's session has a row of its own. `hosts` are an event's and a session's."""
    event, session = (f",{host}" if host else "" for host in hosts)
    return [
        write(
            folder, "website_event.csv",
            f"event_id,website_id,session_id,created_at,url_path,url_query,referrer_path,referrer_query,"
            f"referrer_domain,page_title,event_type,event_name,visit_id{',hostname' if event else ''}\n"
            f"{E1},{SITE},{S1},2026-03-29 02:59:58.25+02,/a,utm_campaign=may,,,blog.example.org,A,1,,{V1}{event}\n"
            f"{E2},{SITE},{S1},2026-03-29 03:00:00+02,/a,,,,,,2,signup,{V1}{event}\n",
        ),
        write(
            folder, "session.csv",
            f"session_id,website_id,browser,os,device,screen,language,country,region,city,created_at,distinct_id"
            f"{',hostname' if session else ''}\n"
            f"{S1},{SITE},safari,Mac OS,laptop,1440x900,en-US,US,,,2026-03-29 00:59:58+00,{session}\n",
        ),
        write(
            folder, "event_data.csv",
            f"event_data_id,website_id,website_event_id,data_key,string_value,number_value,date_value,data_type,"
            f"created_at\n{E3},{SITE},{E2},plan,pro,,,1,2026-03-29 01:00:00+00\n",
        ),
        write(
            folder, "website.csv",
            f"website_id,name,domain,share_id,reset_at,user_id\n{SITE},Mine,example.com,,,\n",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "site", "domain"),
    [
        (("www.example.com:8443", "a.example.com"), "", "www.example.com:8443"),
        (("", "A.example.com"), "", "a.example.com"),
        (("", ""), "", "example.com"),
        (("www.example.com", "a.example.com"), "b.example.com", "b.example.com"),
    ],
)
def test_tables_of_postgres(tmp_path: Path, hosts: tuple[str, str], site: str, domain: str) -> None:
    items, tally = read(dump(tmp_path, hosts), site)
    first = FIRST + 250_000
    assert items == [
        Visit(
            Session(
                visit_id(first, "umami", domain, V1), domain, first, "/a", SIGNUP, "/a", 200, ANONYMOUS, LAPTOP, "US",
                "blog.example.org", Utm(campaign="may"), 1, 1,
            ),
            [Row("pageview", first, "/a", 200), Row("custom", SIGNUP, "/a", 0, "signup", '{"plan":"pro"}')],
        )
    ]  # fmt: skip
    assert (tally.rows, tally.bad, tally.skipped) == (5, 0, {})


def test_without_the_table_of_websites_the_site_is_the_option(tmp_path: Path) -> None:
    items, _ = read(dump(tmp_path)[:3], "www.example.com")
    assert [item.session.domain for item in items if isinstance(item, Visit)] == ["www.example.com"]


def test_without_any_host_rows_are_skipped(tmp_path: Path) -> None:
    items, tally = read(dump(tmp_path)[:3])
    assert items == []
    assert tally.skipped == {"rows without a host name: name it with --site": 2}


EVENTS = "session_id,visit_id,event_id,hostname,url_path,url_query,referrer_domain,event_type,event_name,created_at"


def test_an_event_begins_a_visit_and_its_first_pageview_says_how_it_came(tmp_path: Path) -> None:
    rows = [
        f"{S1},{V1},{E1},www.example.com,/x,,other.example.org,2,open,2026-03-29 00:00:00",
        f"{S1},{V1},{E2},www.example.com,/a,utm_source=letter,blog.example.org,1,,2026-03-29 00:00:01",
        f"{S2},{V2},{E3},www.example.com,/x,,other.example.org,2,open,2026-03-29 00:00:02",
    ]
    items, _ = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    sessions = [item.session for item in items if isinstance(item, Visit)]
    assert [(one.entry_path, one.exit_path, one.referrer, one.utm.source) for one in sessions] == [
        ("/a", "/a", "blog.example.org", "letter"),
        ("/x", "/x", "direct", ""),
    ]
    assert [(one.pageviews, one.events) for one in sessions] == [(1, 1), (0, 1)]


def test_hosts_of_one_visit_are_visits(tmp_path: Path) -> None:
    rows = [
        f"{S1},{V1},{E1},a.example.com,/,,,1,,2026-03-29 00:00:00",
        f"{S1},{V1},{E2},b.example.com,/,,a.example.com,1,,2026-03-29 00:00:01",
        f"{S1},{V1},{E3},a.example.com,/2,,b.example.com,1,,2026-03-29 00:00:02",
    ]
    items, _ = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    assert [(item.session.domain, item.session.pageviews) for item in items if isinstance(item, Visit)] == [
        ("a.example.com", 2),
        ("b.example.com", 1),
    ]


def test_a_visit_lasts_no_longer_than_a_day(tmp_path: Path) -> None:
    rows = [
        f"{S1},{V1},{E1},www.example.com,/1,,,1,,2026-03-29 00:00:00",
        f"{S1},{V1},{E2},www.example.com,/2,,,1,,2026-03-29 23:59:59",
        f"{S1},{V1},{E3},www.example.com,/3,,,1,,2026-03-30 00:00:00",
    ]
    items, _ = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    assert [item.session.pageviews for item in items if isinstance(item, Visit)] == [2, 1]
    assert len({item.session.uuid for item in items if isinstance(item, Visit)}) == 2


def test_rows_without_a_visit_are_requests_in_the_order_of_time(tmp_path: Path) -> None:
    rows = [
        f"{S1},,{E2},www.example.com,/2,utm_source=x,,1,,2026-03-29 00:00:02",
        f"{S1},00000000-0000-0000-0000-000000000000,{E1},www.example.com,/1,,blog.example.org,1,,2026-03-29 00:00:01",
        f"{S1},\\N,{E3},www.example.com,/2,,,2,buy,2026-03-29 00:00:03",
    ]
    items, _ = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    nobody = Client("Other", "Other", "Other", "other")
    first = at("2026-03-29 00:00:01")
    assert items == [
        Request(
            first, "https://www.example.com/1", "https://blog.example.org/", visitor=S1, client=nobody, country="XX"
        ),
        Request(first + 1_000_000, "https://www.example.com/2?utm_source=x", visitor=S1, client=nobody, country="XX"),
        Request(
            first + 2_000_000, "https://www.example.com/2", visitor=S1, client=nobody, country="XX", kind="custom",
            name="buy",
        ),
    ]  # fmt: skip


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [
        f"{S1},{V1},{E1},www.example.com,/1,,,1,,2026-03-29 00:00:00",
        f"{S1},{V1},{E2},www.example.com,/2,,,1,,yesterday",
        f",{V1},{E2},www.example.com,/2,,,1,,2026-03-29 00:00:00",
        "a,b",
        f"{S1},{V1},{E4},www.example.com,/1,,,1,,2026-03-29 00:0",
    ]
    items, tally = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    assert len(items) == 1
    assert (tally.rows, tally.bad) == (5, 4)
    assert [(line.number, line.why) for line in tally.bad_lines] == [
        (3, "no time, or no session_id"),
        (4, "no time, or no session_id"),
        (5, "2 values, but the header has 10 columns"),
        (6, "no time, or no session_id"),
    ]


@pytest.mark.parametrize("lost", [1, 9, 30])
def test_a_compressed_file_that_is_cut(tmp_path: Path, lost: int) -> None:
    path = write(tmp_path, "website_event.csv.gz", CLOUD)
    path.write_bytes(path.read_bytes()[:-lost])
    tally = Tally()
    list(FORMAT.read([path], Reading(tally, tmp_path)))
    assert tally.bad == 1
    assert "damaged" in tally.bad_lines[0].why


def test_empty_files_have_nothing(tmp_path: Path) -> None:
    items, tally = read([write(tmp_path, "website_event.csv", ""), write(tmp_path, "session.csv", "")])
    assert (items, tally.rows) == ([], 0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("pages.csv", b'"x","y"\n"/",12\n'),
        ("pages.csv", b"x,y\r\n/,12\r\n"),
        ("export.json", b'{"zip":"UEsDBA=="}'),
        ("export.zip", b"PK\x03\x04" + b"\0" * 26 + b"pages.csv"),
    ],
)
def test_sums_without_dates_are_refused_with_what_to_export_instead(tmp_path: Path, name: str, data: bytes) -> None:
    assert FORMAT.recognise(name, data)
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"without dates.*copy website_event"):
        list(FORMAT.read([path], Reading(Tally(), tmp_path)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "events.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="none of Umami's tables"):
        list(FORMAT.read([path], Reading(Tally(), tmp_path)))


@pytest.mark.parametrize("head", [b"", b"\0", b"a,b\n", b"PK\x03\x04imported_visitors.csv pages.csv", b'{"a":1}'])
def test_other_files_are_not_recognised(head: bytes) -> None:
    assert not FORMAT.recognise("website_event.csv", head)


def test_visits_are_bounded(tmp_path: Path) -> None:
    rows = [f"{S1},{V1},e{number},www.example.com,/{number},,,1,,2026-03-29 00:00:00" for number in range(10_001)]
    items, _ = read([write(tmp_path, "website_event.csv", "\n".join([EVENTS, *rows]))])
    assert sorted(item.session.pageviews for item in items if isinstance(item, Visit)) == [1, 10_000]
    assert len({item.session.uuid for item in items if isinstance(item, Visit)}) == 2


def test_properties_are_bounded(tmp_path: Path) -> None:
    event = f"{S1},{V1},{E1},www.example.com,/,,,2,go,2026-03-29 00:00:00"
    data = [f"{E1},{name},{name * 40_000},,,1" for name in ("a", "b")]
    header = "event_id,data_key,string_value,number_value,date_value,data_type"
    files = [
        write(tmp_path, "website_event.csv", f"{EVENTS}\n{event}\n"),
        write(tmp_path, "event_data.csv", "\n".join([header, *data])),
    ]
    items, _ = read(files)
    assert isinstance(items[0], Visit)
    assert items[0].rows[0].properties == f'{{"a":"{"a" * 40_000}"}}'


def test_tables_without_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no events in event_data\.csv.*website_event\.csv"):
        read_all(FORMAT, [write(tmp_path, "event_data.csv", DATA)])
