"""The requests of the stages, and their parts: each number is another visitor, and each call gets texts of its own."""

from prisme.web.responses import EVENTS
from prisme.web.server import Scope

SITE = "example.com"
PATTERN = EVENTS + "pageviews"
PAGES = 100
PLATFORM = '"Windows"'


def make_scope(number: int, step: int) -> Scope:
    """A pageview's ASGI scope as Granian makes it: a visitor of that number, on the page of that step of the visit."""
    referrer = make_url(number + step - 1) if step else "https://www.google.com/"
    headers = [
        ("host", "stats.example.com"),
        ("content-length", "0"),
        ("user-agent", make_user_agent(number)),
        ("sec-ch-ua", '"Chromium";v="140", "Google Chrome";v="140", "Not?A_Brand";v="24"'),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", PLATFORM),
        ("accept", "*/*"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("origin", f"https://{SITE}"),
        ("referer", f"https://{SITE}/"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
        ("x-forwarded-for", make_address(number)),
        ("x-prisme-referrer", make_url(number + step)),
        ("x-prisme-document-referrer", referrer),
    ]
    return {
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "extensions": {"http.response.pathsend": {}, "websocket.http.response": {}},
        "type": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", "8000"),
        "client": ("127.0.0.1", "50492"),
        "scheme": "http",
        "path": fresh_text(PATTERN),
        "raw_path": fresh(PATTERN),
        "query_string": b"",
        "headers": [(fresh(name), fresh(value)) for name, value in headers],
        "method": "POST",
    }


def make_user_agent(number: int) -> str:
    return (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{120 + number % 25}.0.0.0 Safari/537.36"
    )


def make_address(number: int) -> str:
    """Each number's own; a quarter are IPv6."""
    high, low = divmod(number * 40_503 % 65_536, 256)
    if number % 4 == 3:
        return f"2a01:{0xC100 + high:x}:{0x1000 + low:x}::{number:x}"
    return f"{80 + number % 9}.{high}.{low}.77"


def make_device(number: int) -> int:
    """64 bits, as hashes have them."""
    return number * 0x9E37_79B9_7F4A_7C15 % (1 << 64)


def make_url(number: int) -> str:
    return f"https://{SITE}/page/{number % PAGES}"


def fresh(text: str) -> bytes:
    """Bytes that nobody has hashed yet, as each request brings its own."""
    return bytes(bytearray(text.encode()))


def fresh_text(text: str) -> str:
    """As `fresh`, for text."""
    return fresh(text).decode()
