"""Reads GoatCounter's exports. Rows of version 2 are as GoatCounter 2.7.0 exported what it was sent."""

import datetime
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.items import Item, Request
from prisme.imports.peers.goatcounter import FORMAT
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.peers.reading import COMPRESS, read_all, write

COLUMNS = "Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location,FirstVisit"
HEADER = f"2Path,{COLUMNS},Date"
EXPORT = f"""{HEADER}
/ev,"A ""q"", page
new line",0,,Firefox 140,Linux ,6fb4b3ff66a74971-9988f928618c44a8,0,some text,o,"1920,0,1",US-TX,1,2026-11-27T11:00:00Z
click-buy,Buy,1,,Firefox 140,Linux ,6fb4b3ff66a74971-9988f928618c44a8,0,,o,"1920,0,1",US-TX,1,2026-11-27T11:00:10Z
/ip,,0,,Safari 17.4,iOS 17.5,381bd93c2885459c-b8c812643ffbe714,0,https://example.net/x?y=1,o,"820,0,1",DE,1,2026-11-27T11:01:00Z
"/r,%22q%22",,0,,Chrome 126,Android 10,f0971036b04243c8-9161bb02c2837596,0,https://www.google.co.nz,o,"0,0,1",,1,2026-11-27T11:02:00Z
"""
DESKTOP = Client("Linux", "Firefox", "Other", "desktop")
SESSION = "6fb4b3ff66a74971-9988f928618c44a8"
UA = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp() * 1_000_000)


REQUESTS: list[Item] = [
    Request(
        at("2026-11-27T11:00:00Z"), "https://www.example.com/ev?utm_source=some%20text", visitor=SESSION,
        client=DESKTOP, country="US", region="Texas",
    ),
    Request(
        at("2026-11-27T11:00:10Z"), "https://www.example.com", visitor=SESSION, client=DESKTOP, country="US",
        region="Texas", kind="custom", name="click-buy", properties='{"title":"Buy"}',
    ),
    Request(
        at("2026-11-27T11:01:00Z"), "https://www.example.com/ip", "https://example.net/x?y=1",
        visitor="381bd93c2885459c-b8c812643ffbe714", client=Client("iOS", "Mobile Safari", "iPad", "tablet"),
        country="DE",
    ),
    Request(
        at("2026-11-27T11:02:00Z"), "https://www.example.com/r,%22q%22", "https://www.google.co.nz",
        visitor="f0971036b04243c8-9161bb02c2837596", client=Client("Android", "Chrome Mobile", "Other", "mobile"),
        country="XX",
    ),
]  # fmt: skip


def read(path: Path, site: str = "www.example.com") -> tuple[list[Item], Tally]:
    return read_all(FORMAT, [path], site)


@pytest.mark.parametrize("end", COMPRESS)
def test_an_export_of_version_2(tmp_path: Path, end: str) -> None:
    items, tally = read(write(tmp_path, f"export.csv{end}", EXPORT))
    assert items == REQUESTS
    assert (tally.rows, tally.bad, tally.skipped) == (4, 0, {})


def test_columns_are_read_by_name(tmp_path: Path) -> None:
    text = f"2,Path,Date,New,Session,Referrer\n/a,2026-11-27T12:00:00+01:00,?,{SESSION},\n"
    items, tally = read(write(tmp_path, "export.csv", text))
    assert items == [
        Request(
            at("2026-11-27T11:00:00Z"), "https://www.example.com/a", visitor=SESSION,
            client=Client("Other", "Other", "Other", "other"), country="XX",
        )
    ]  # fmt: skip
    assert tally.bad == 0


def test_an_export_of_version_1(tmp_path: Path) -> None:
    text = (
        "1Path,Title,Event,Bot,Session,FirstVisit,Referrer,Referrer scheme,Browser,Screen size,Location,Date\r\n"
        f'a,Title,false,0,0b1c,true,newsletter,c,{UA},"390,844,3",DE,2020-11-27T11:00:00Z\r\n'
        f'click,,true,0,0b1c,false,,,{UA},"390,844,3",DE,2020-11-27T11:00:01Z\r\n'
        '/bot,,false,150,0b1d,true,,,curl/7,"",DE,2020-11-27T11:00:02Z\r\n'
    )
    items, tally = read(write(tmp_path, "export.csv", text))
    assert items == [
        Request(
            at("2020-11-27T11:00:00Z"), "https://www.example.com/a?utm_campaign=newsletter", user_agent=UA,
            visitor="0b1c", country="DE",
        ),
        Request(
            at("2020-11-27T11:00:01Z"), "https://www.example.com", user_agent=UA, visitor="0b1c", country="DE",
            kind="custom", name="click",
        ),
    ]  # fmt: skip
    assert (tally.rows, tally.bad, tally.skipped) == (3, 0, {"bots, by GoatCounter": 1})


@pytest.mark.parametrize(
    ("referrer", "scheme", "url", "expected"),
    [
        ("", "o", "/a", ""),
        ("blog.example.org/x", "h", "/a", "https://blog.example.org/x"),
        ("www.facebook.com", "h", "/a", "https://www.facebook.com"),
        ("Hacker News", "g", "/a", "https://news.ycombinator.com/"),
        ("Google", "g", "/a", "https://www.google.com/"),
        ("www.reddit.com", "g", "/a", "https://www.reddit.com/"),
        ("Email", "g", "/a?utm_source=Email", ""),
        ("letter & more", "c", "/a?utm_source=letter%20%26%20more", ""),
        ("com.example.letter", "c", "/a?utm_source=com.example.letter", ""),
        ("https://blog.example.org/x", "c", "/a", "https://blog.example.org/x"),
        ("org.example.reader/x", "o", "/a", "android-app://org.example.reader/x"),
        ("android-app://org.example.reader/x", "o", "/a", "android-app://org.example.reader/x"),
        ("https://example.net/x?y=1", "o", "/a", "https://example.net/x?y=1"),
        ("plaintext", "o", "/a?utm_source=plaintext", ""),
    ],
)
def test_referrers(tmp_path: Path, referrer: str, scheme: str, url: str, expected: str) -> None:
    row = f'/a,,0,,Firefox 140,Linux ,{SESSION},0,{referrer},{scheme},"0,0,1",,1,2026-11-27T11:00:00Z'
    items, _ = read(write(tmp_path, "export.csv", f"{HEADER}\n{row}\n"))
    assert isinstance(items[0], Request)
    assert (items[0].url, items[0].referrer) == (f"https://www.example.com{url}", expected)


def test_a_campaign_joins_the_query(tmp_path: Path) -> None:
    row = f'/a?x=1,,0,,Firefox 140,Linux ,{SESSION},0,letter,c,"0,0,1",,1,2026-11-27T11:00:00Z'
    items, _ = read(write(tmp_path, "export.csv", f"{HEADER}\n{row}\n"))
    assert isinstance(items[0], Request)
    assert items[0].url == "https://www.example.com/a?x=1&utm_source=letter"


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [
        f"/a,,0,,,,{SESSION},0,,,,,1,2026-11-27T11:00:00Z",
        f"/a,,0,,,,{SESSION},0,,,,,1,yesterday",
        f"/a,,0,,,,{SESSION},0,,,,,1,2026-13-27T11:00:00Z",
        "",
        "too,few",
        f"/b,,0,,,,{SESSION},0,,,,,1,2026-11-27T11:00:00Z",
        f"/a,,0,,,,{SESSION},0,,,,,1,2026-11-2",
    ]
    items, tally = read(write(tmp_path, "export.csv", "\n".join([HEADER, *rows])))
    assert [item.url for item in items if isinstance(item, Request)] == [
        "https://www.example.com/a",
        "https://www.example.com/b",
    ]
    assert (tally.rows, tally.bad) == (6, 4)
    assert [(line.number, line.why) for line in tally.bad_lines] == [
        (3, "no date, or not one of RFC 3339"),
        (4, "no date, or not one of RFC 3339"),
        (6, "2 values, but the header has 14 columns"),
        (8, "no date, or not one of RFC 3339"),
    ]


@pytest.mark.parametrize("lost", [1, 9, 20, 60])
def test_a_compressed_file_that_is_cut(tmp_path: Path, lost: int) -> None:
    path = write(tmp_path, "export.csv.gz", EXPORT)
    path.write_bytes(path.read_bytes()[:-lost])
    tally = Tally()
    items = list(FORMAT.read([path], Reading(tally, tmp_path, "www.example.com")))
    assert items == REQUESTS[: len(items)]
    assert tally.bad == 1
    assert "damaged" in tally.bad_lines[0].why


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    items, tally = read(write(tmp_path, "export.csv", ""))
    assert (items, tally.rows) == ([], 0)


def test_a_header_alone_has_nothing(tmp_path: Path) -> None:
    items, tally = read(write(tmp_path, "export.csv", HEADER))
    assert (items, tally.rows) == ([], 0)


def test_a_site_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--site"):
        read(write(tmp_path, "export.csv", EXPORT), "")


@pytest.mark.parametrize(
    ("header", "why"),
    [("Path,Session,Referrer,Date", "2Path"), ("2Path,Session,Referrer", "columns date are missing")],
)
def test_other_headers(tmp_path: Path, header: str, why: str) -> None:
    path = write(tmp_path, "export.csv", f"{header}\n")
    with pytest.raises(InputError, match=why):
        list(FORMAT.read([path], Reading(Tally(), tmp_path, "www.example.com")))


@pytest.mark.parametrize("head", [b"", b"\0\0\0\0", b"x,y\n1,2\n", b"Path,Session\n", b'"', b"\xff\xfe2Path,Session"])
def test_other_files_are_not_recognised(head: bytes) -> None:
    assert not FORMAT.recognise("export.csv", head)


def test_requests_come_in_the_order_of_time(tmp_path: Path) -> None:
    text = f"2Path,Session,Referrer,Date\n/2,{SESSION},,2026-11-27T11:00:02Z\n/1,{SESSION},,2026-11-27T11:00:01Z\n"
    older = write(tmp_path, "older.csv", f"2Path,Session,Referrer,Date\n/0,{SESSION},,2026-11-27T11:00:00Z\n")
    items, _ = read_all(FORMAT, [write(tmp_path, "export.csv", text), older], "www.example.com")
    assert [item.url[-1] for item in items if isinstance(item, Request)] == ["0", "1", "2"]
