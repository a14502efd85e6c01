"""Logs become pageviews: from any kind of file, in the order of time, each with its site."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from zstandard import ZstdCompressor

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.items import Request
from prisme.imports.logs.access_log import FORMAT, NO_HOST
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.log_lines import text
from tests.imports.logs.reading import make_reading
from tests.imports.logs.sent import DATA, FIREFOX, FROM, SENT, SITE

_START: Final = 1_793_440_800_000_000  # 31 October 2026, 10:00 UTC
_SECOND: Final = 1_000_000


def make_line(second: int, target: str = "/", address: str = "203.0.113.7", agent: str = FIREFOX) -> bytes:
    """A line of the combined format, so many seconds after `_START`."""
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    time = f"31/Oct/2026:{10 + hours:02}:{minutes:02}:{seconds:02} +0000"
    return f'{address} - - [{time}] "GET {target} HTTP/1.1" 200 5 "{FROM}" "{agent}"\n'.encode()


def read(path: Path | list[Path], reading: Reading | None = None) -> list[Request]:
    """The items of files, which are all requests."""
    files = path if isinstance(path, list) else [path]
    items = list(FORMAT.read(files, reading or make_reading(SITE)))
    assert all(isinstance(item, Request) for item in items)
    return [item for item in items if isinstance(item, Request)]


def test_a_pageview_has_all_that_a_line_says(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(make_line(61, "/caf\\xC3\\xA9 x?a=1&b=\\x09"))
    (request,) = read(path)
    assert request == Request(
        _START + 61 * _SECOND, f"https://{SITE}/caf\u00e9%20x?a=1&b=%09", FROM, "203.0.113.7", FIREFOX, status=200
    )


@pytest.mark.parametrize(
    ("line", "site", "url"),
    [
        (b'www.example.com:443 203.0.113.7 - - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', "", "https://www.example.com/a"),
        (b'[2001:db8::7]:9101 203.0.113.7 - - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', "", "https://[2001:db8::7]/a"),
        (b'203.0.113.7 blog.example.com:8443 - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', "", "https://blog.example.com:8443/a"),
        (b'203.0.113.7 blog.example.com:80 - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', "", "http://blog.example.com/a"),
        (b'203.0.113.7 blog.example.com:443 - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', "", "https://blog.example.com/a"),
        (b'203.0.113.7 - - %b "GET http://Blog.Example.com:8443/a?b HTTP/1.1" 200 1 "-" "UA"', "", "http://Blog.Example.com:8443/a?b"),
        (b'203.0.113.7 - - %b "GET http://example.com HTTP/1.1" 200 1 "-" "UA"', "", "http://example.com/"),
        (b'203.0.113.7 - - %b "GET http://example.com?a HTTP/1.1" 200 1 "-" "UA"', "", "http://example.com/?a"),
        (b'203.0.113.7 - - %b "GET http://other.example/a HTTP/1.1" 200 1 "-" "UA"', SITE, f"https://{SITE}/a"),
        (b'203.0.113.7 - - %b "GET //a/../b HTTP/1.1" 200 1 "-" "UA"', SITE, f"https://{SITE}//a/../b"),
        (b'other.example:80 203.0.113.7 - - %b "GET /a HTTP/1.1" 200 1 "-" "UA"', SITE, f"https://{SITE}/a"),
    ],
)  # fmt: skip
def test_the_host_is_that_of_the_option_or_of_the_line(tmp_path: Path, line: bytes, site: str, url: str) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(line % b"[28/Nov/2026:23:06:25 +0530]")
    assert [request.url for request in read(path, make_reading(site))] == [url]


def test_a_log_that_names_no_host_needs_a_site(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(make_line(0))
    with pytest.raises(InputError, match="--site"):
        read(path, make_reading())


def test_single_lines_without_a_host_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(make_line(0, "http://a.example/") * 2 + make_line(1))
    reading = make_reading()
    assert len(read(path, reading)) == 2
    assert reading.tally.skipped == {NO_HOST: 1}


@pytest.mark.parametrize("referrer", ["", "-", "words", "/path", "www.example.org"])
def test_referrers_that_are_no_urls_are_none(tmp_path: Path, referrer: str) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(make_line(0).replace(FROM.encode(), referrer.encode()))
    assert [request.referrer for request in read(path)] == [""]


def test_clients_are_unknown_where_the_log_has_no_user_agents() -> None:
    """An empty User-Agent would be refused as that of a bot."""
    common, combined = read(DATA / "apache-common.log"), read(DATA / "apache-combined.log")
    assert {request.client for request in common} == {Client("Other", "Other", "Other", "other")}
    assert {request.client for request in combined} == {None}
    assert "" in {request.user_agent for request in combined}


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, ZstdCompressor().compress], ids=["plain", "gz", "bz2", "zst"]
)
def test_compressed_files(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "access.log"
    # Two members, as rotation can leave them.
    path.write_bytes(
        compress(b"".join(map(make_line, range(500)))) + compress(b"".join(map(make_line, range(500, 900))))
    )
    reading = make_reading(SITE)
    assert len(read(path, reading)) == 900
    assert (reading.tally.rows, reading.tally.bad) == (900, 0)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, ZstdCompressor().compress], ids=["gz", "bz2", "zst"])
def test_a_cut_file_is_read_as_far_as_it_is_there(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(b"".join(make_line(second % 3600, f"/{second * 7919 % 9973}") for second in range(20_000)))
    path = tmp_path / "access.log"
    path.write_bytes(whole[: len(whole) // 2])
    reading = make_reading(SITE)
    assert 1000 < len(read(path, reading)) < 20_000
    assert reading.tally.bad >= 1
    assert any("damaged" in line.why for line in reading.tally.bad_lines)


def test_a_line_that_is_cut_is_a_bad_one(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(make_line(0) + make_line(1) + make_line(2)[:60])
    reading = make_reading(SITE)
    assert len(read(path, reading)) == 2
    (bad,) = reading.tally.bad_lines
    assert (bad.file, bad.number, reading.tally.rows) == ("access.log", 3, 3)


def test_a_file_that_begins_with_nuls(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(bytes(200_000) + make_line(0) + make_line(1))
    reading = make_reading(SITE)
    assert len(read(path, reading)) == 2
    assert reading.tally.bad == 0


@pytest.mark.parametrize(
    "text", [b"", b"\n\n", bytes(100_000), gzip.compress(b"")], ids=["empty", "blank", "nuls", "gz"]
)
def test_empty_files_have_nothing(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(text)
    reading = make_reading(SITE)
    assert read(path, reading) == []
    assert (reading.tally.rows, reading.tally.bad) == (0, 0)


@pytest.mark.parametrize("text", [b"just a text\n", b"a,b,c\n1,2,3\n", b'{"a": 1}\n', b"\x89PNG\r\n\x1a\n\0\0"])
def test_other_files_are_no_logs(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(text)
    assert not FORMAT.recognise("access.log", text)
    with pytest.raises(InputError, match=r"access\.log"):
        read(path)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.log")), ids=lambda path: path.name)
def test_logs_are_recognised(path: Path) -> None:
    text = path.read_bytes()
    assert FORMAT.recognise(path.name, text)
    assert FORMAT.recognise(path.name, text[: len(text) // 2])
    assert FORMAT.recognise(path.name, text.split(b"\n")[0])


def test_lines_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    seconds = [5, 3, 4, 100, 90, 250, 140, 251]
    path.write_bytes(b"".join(map(make_line, seconds)))
    assert [(request.at - _START) // _SECOND for request in read(path)] == sorted(seconds)


def test_files_are_merged_by_time(tmp_path: Path) -> None:
    """Two servers of one site, and a rotated file, whatever their order."""
    first, second, rotated = (tmp_path / name for name in ("a.log", "b.log", "a.log.1"))
    first.write_bytes(b"".join(make_line(second) for second in range(1000, 2000, 10)))
    second.write_bytes(b"".join(make_line(second) for second in range(500, 1500, 7)))
    rotated.write_bytes(b"".join(make_line(second) for second in range(0, 1000, 10)))
    requests = read([first, second, rotated])
    assert len(requests) == 100 + 143 + 100
    assert [request.at for request in requests] == sorted(request.at for request in requests)


def test_bytes_that_are_done_are_told(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.log", "b.log", "copy.log", "empty.log")]
    for path, start in zip(paths, (0, 1, 1, None), strict=True):
        lines = range(start, 10_000) if start is not None else range(0)
        path.write_bytes(b"".join(map(make_line, lines)))
    told: list[int] = []
    read(paths, make_reading(SITE)._replace(tell=told.append))
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == sum(path.stat().st_size for path in paths)


def test_the_repeated_hour_of_a_log_without_a_zone(tmp_path: Path) -> None:
    """HAProxy writes local times: on 25 October 2026, at 3:00, the clocks of Berlin show 2:00 again."""
    line = (
        "Oct 25 {0} haproxy[1]: 203.0.113.7:5 [25/Oct/2026:{0}.500] web app/s1 0/0/0/0/0 200 1 - - ---- 1/1/0/0/0 0/0 "
        '"GET / HTTP/1.1"\n'
    )
    path = tmp_path / "haproxy.log"
    times = ("01:59:59", "02:30:00", "02:59:59", "02:00:00", "02:30:00", "02:59:58", "03:00:00")
    path.write_text("".join(map(line.format, times)))
    moments = [request.at for request in read(path, make_reading(SITE, ZoneInfo("Europe/Berlin")))]
    midnight_utc = 1_792_886_400  # 25 October
    wanted = [-1, 1800, 3599, 3600, 5400, 7198, 7200]
    assert moments == [(midnight_utc + second) * _SECOND + 500_000 for second in wanted]


def test_numbers_of_sent_requests_come_over() -> None:
    requests = read(DATA / "nginx-combined.log")
    assert {request.url for request in requests} >= {f"https://{SITE}{SENT[number].target}" for number in (1, 2, 3, 4)}


def test_one_file_that_is_no_log_spoils_no_others(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(text(range(4)))
    (tmp_path / "access.log.note").write_text("a note\n")
    (tmp_path / "access.log.1.gz").write_bytes(b"\x1f\x8bno gzip")
    tally = Tally()
    files = sorted(tmp_path.iterdir())
    assert len(list(FORMAT.read(files, Reading(tally, tmp_path, "example.com")))) == 4
    assert sorted(line.file for line in tally.bad_lines) == ["access.log.1.gz", "access.log.note"]
    with pytest.raises(InputError, match=r"is not an access log|damaged"):
        list(FORMAT.read(files[1:], Reading(Tally(), tmp_path, "example.com")))
