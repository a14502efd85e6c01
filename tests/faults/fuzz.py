"""What strangers and damaged files may say, as functions of any bytes: each must come to an end, and to a sound one.

`test_input.py` asks them for a moment, `fuzz_long.py` for as long as one likes.
"""

import contextlib
import json
import json.scanner
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

from prisme.base import uri
from prisme.base.events import DEVICE_TYPES
from prisme.base.refusal import Refusal
from prisme.base.uri import MAX_BYTES
from prisme.ingest.custom import join_properties, read_properties
from prisme.ingest.links import read_link
from prisme.ingest.pageview import read_status, read_visitor
from prisme.journal.record import CustomLine, DownloadLine, Line, OutboundLine, PageviewLine, encode
from prisme.journal.segment import Segment, segment_path
from prisme.runtime.config import Config, ConfigError
from prisme.runtime.option import flag, variable
from prisme.runtime.options import OPTIONS
from prisme.visit import address
from prisme.visit.bots import Bots
from prisme.visit.origins import Origins
from prisme.visit.sites import Rules, Sites
from prisme.visit.useragent import UserAgents
from prisme.visit.utm import parse_utm
from prisme.web.events.endpoints import BODY_HEADERS
from prisme.web.events.noscript import IN_QUERY, read_parameters
from prisme.web.request import _EMPTY, PLATFORM, Proxy, Trust
from prisme.web.routing import read_name
from tests.store.segments import NOW, Store, session
from tests.web.requests import make_request

Target = Callable[[bytes], None]

_SITES = Sites(Origins(("example.com", "*.example.com")), Rules((("www.example.com", "example.com"),), ("id",), "drop"))


def headers(data: bytes) -> None:
    """The header scan: a header a line."""
    sent = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in data.split(b"\n"))]
    modes: tuple[Trust, ...] = ("false", "auto", "true")
    for trust, header in product(modes, ("X-Forwarded-For", "Forwarded")):
        proxy = Proxy(trust, header, 2, "X-Request-Id")
        for without in (BODY_HEADERS, IN_QUERY, ()):
            found = proxy.scanner(without)(make_request(proxy, sent))
            assert len(found) == len(_EMPTY)
            assert not any(_EMPTY)
        request = make_request(proxy, sent, "127.0.0.1")
        assert request.client.version in {0, 4, 6}
        assert request.id
    read_name(data)
    read_status(data)
    visitor = read_visitor(data)
    assert isinstance(visitor, Refusal) or visitor.encode() == data


def forwarded(data: bytes) -> None:
    """X-Forwarded-For and Forwarded, as trusted proxies write them."""
    for hops, read in product((1, 2, 5), (address.forwarded, address.rfc7239)):
        found = read(data.decode("latin-1"), hops)
        if found is None:
            continue
        assert found.version == 0 or address.parse(found.text) == found
        assert bool(address.mask(found)) == bool(found.version)
        assert len(str(found.key)) <= 64


def urls(data: bytes) -> None:
    """The URL rules: pages, links, campaigns, hosts."""
    found = uri.parse(data)
    host = uri.normalise_host(data.decode("utf-8", "surrogateescape"))
    assert host is None or uri.normalise_host(host) == host
    path = uri.normalise_path(data)
    assert path.isascii()
    assert path.isprintable()
    assert uri.normalise_path(path) == path
    if found is None:
        return
    assert len(data) <= MAX_BYTES
    again = str(found)
    assert again.isascii()
    assert again.isprintable()
    assert len(again) > MAX_BYTES or str(uri.parse(again.encode())) == again
    for part in parse_utm(found.query).__struct_fields__:
        getattr(parse_utm(found.query), part).encode()  # no lone surrogates
    link = read_link(data)
    assert isinstance(link, Refusal) or link == found
    page, referrer = _SITES.pages[data], _SITES.referrers[data]
    assert isinstance(page, Refusal) or page.path.isascii()
    assert referrer is None or isinstance(referrer, Refusal) or referrer.path.isascii()


@cache
def _user_agents() -> UserAgents:
    return UserAgents(Bots("strict", ()).refuse)


def hints(data: bytes) -> None:
    """User-Agent and client hints, a line each."""
    user_agent, platform, model, mobile = (*data.split(b"\n", 3), b"", b"", b"")[:4]
    client = _user_agents().read(user_agent, platform, model, mobile).client
    assert client.type in DEVICE_TYPES
    for name in (client.os, client.browser, client.device):
        assert name
        assert len(name.encode()) <= 2048


def bodies(data: bytes) -> None:
    """The JSON body of a custom event: what is kept is an object to Python's own reader too, which is no stricter."""
    read = _read_slowly(data or b"{}")
    kept = read_properties(data)
    assert isinstance(kept, Refusal) or (kept.encode() == (data or b"{}") and isinstance(read, dict))


def _read_slowly(data: bytes) -> object:
    """JSON by Python's reader in Python: atheris sees which way it goes, as it does not in C."""
    decoder = json.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring  # type: ignore[attr-defined]
    decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]
    try:
        return decoder.decode(data.decode())
    except (ValueError, RecursionError):
        return None


def properties(data: bytes) -> None:
    """The query of a noscript event."""
    found = _EMPTY.copy()
    pairs = read_parameters(data, found)
    assert found[PLATFORM] == b""
    kept = join_properties(pairs)
    if isinstance(kept, Refusal):
        return
    members = json.loads(kept)
    assert set(members) == {name.decode() for name, _ in pairs}
    for name, value in dict(pairs).items():
        # repr: what is not equal to itself is no JSON, and 1 is not true
        assert repr(members[name.decode()]) == repr(json.loads(value))
    assert not isinstance(read_properties(kept.encode()), Refusal)


@cache
def _store() -> Store:
    return Store(Path(tempfile.mkdtemp(prefix="prisme-fuzz-")))


def close() -> None:
    """Let go of what the targets have opened."""
    if _store.cache_info().currsize:
        _store().close()
        shutil.rmtree(_store().folder)
        _store.cache_clear()


def journal(data: bytes) -> None:
    """A segment with something between two events, and with a damaged line of each kind: the two are stored."""
    store = _store()
    number = store.loader.last_segment() + 1
    first, last, other = (session(3 * number + step) for step in range(3))
    whole: list[Line] = [
        PageviewLine(3, other),
        CustomLine(3, other, "/", "name", '{"a":1}'),
        DownloadLine(3, other, "/", "https://a.example/"),
        OutboundLine(3, other, "/", "https://a.example/"),
    ]
    old = (b'{"kind":"copy","device":3,"session":{"uuid":"%s"}}\n', b'{"kind":"forget","session":{"uuid":"%s"}}\n')
    lines = [*(encode([line]) for line in whole), *(line % other.uuid.encode() for line in old)]
    damaged = b"".join(_damage(line, data[step:]) for step, line in enumerate(lines))
    path = segment_path(store.folder, number)
    path.write_bytes(
        encode([PageviewLine(1, first)]) + data + b"\n" + damaged + b"\n" + encode([PageviewLine(2, last)])
    )
    store.loader.load(Segment(number, path), NOW)
    ((count,),) = store.rows(f"SELECT count(*) FROM pageviews WHERE session_uuid IN ('{first.uuid}', '{last.uuid}')")
    assert isinstance(count, int)
    assert count >= 2
    for left in store.folder.glob("*.rejected"):
        left.unlink()


def _damage(line: bytes, data: bytes) -> bytes:
    """The line with other bytes here and there: where, and which ones, `data` says."""
    changed = bytearray(line)
    for high, low, byte in zip(data[::3], data[1::3], data[2::3], strict=False):
        changed[(high << 8 | low) % len(changed)] = byte
    return bytes(changed)


_PLACE = Path(tempfile.gettempdir()) / "prisme-fuzz-options"


def options(data: bytes) -> None:
    """Flags, environment and prisme.toml, each a third: a configuration comes of it, or the list of mistakes."""
    from prisme.cli.serve import configure

    third = len(data) // 3
    _PLACE.mkdir(exist_ok=True)
    (_PLACE / "prisme.toml").write_bytes(data[: len(data) - 2 * third])
    # Neither words nor variables can hold a zero byte.
    words, variables = (
        part.replace(b"\0", b"").decode("utf-8", "surrogateescape") for part in (data[-2 * third :], data[-third:])
    )
    environ = {variable(option.name): line for option, line in zip(OPTIONS, variables.split("\n"), strict=False)}
    flags = [f"{flag(option.name)}={line}" for option, line in zip(OPTIONS, words.split("\n"), strict=False)]
    for given in ([], flags, words.split("\n")):
        # Some words ask for help, or are none that a parser of words takes.
        with contextlib.suppress(ConfigError, SystemExit), contextlib.redirect_stdout(None), _no_errors():
            assert isinstance(configure(given, environ, _PLACE)[0], Config)


@contextlib.contextmanager
def _no_errors() -> Iterator[None]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


# What inputs are made of, so that not each letter has to be found anew.
WORDS = [
    b"\n", b"\0", b"\xff", b":", b"=", b"&", b",", b"%", b"[", b"]", b"{", b"}", b'"', b"\\", b"/", b"..", b"?", b"#",
    b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"%00", b"%ED%A0%80", b"1" * 400, b"1e400", b"-0", b"null", b"[" * 1000,
    b"https://example.com", b"http://[::1]:80", b"xn--", b"x-forwarded-for:", b"x-prisme-referrer:", b"user-agent:",
    b"203.0.113.7", b"[2001:db8::1]:443", b"::ffff:1.2.3.4", b"%eth0", b"Mozilla/5.0 (X11; Linux x86_64)", b'"Android"',
    b"prop-a=", b"referrer=", b"utm_source=", b'{"kind":"pageview","device":1,"session":{', b'"uuid":"', b'"entry":',
    b"port = ", b"origins = ", b"*.example.com", b"tcp://", b"25%", b"512MB", b"1h30m", b"@",
]  # fmt: skip
TARGETS: dict[str, Target] = {
    target.__name__: target for target in (headers, forwarded, urls, hints, bodies, properties, journal, options)
}
