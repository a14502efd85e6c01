"""What was sent to real servers for the logs in `tests/imports/data/logs`: each request has its number in its query."""

import re
from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).parents[1] / "data" / "logs"
FROM: Final = "https://example.org/from?a=1"
FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SITE: Final = "www.example.com"
_NUMBER: Final = re.compile(r"[?&]t=(\d+)")


class Sent(NamedTuple):
    """A request that is a pageview, where the server accepts it. `host` is the Host header."""

    target: str
    referrer: str = FROM
    user_agent: str = FIREFOX
    host: str = SITE


SENT: Final = {
    1: Sent("/?t=1"),
    2: Sent("/page?t=2"),
    3: Sent('/?t=3&q="a\\b"&p=%22%5C', 'https://example.org/?q="x" [y] \\z', 'He said "hi" \\ back\tTab caf\u00e9'),
    4: Sent("/caf\u00e9?t=4&q=\u4f60", "https://example.org/\u597d?\u00fc"),
    5: Sent("/?t=5", "", ""),
    6: Sent("/?t=6", "", "", ""),
    7: Sent("http://www.example.com/abs?t=7"),
    8: Sent("/?t=8", "", "", ""),
    9: Sent("/?t=9"),
    10: Sent("/?t=10", user_agent="x\by\x1bz"),
    11: Sent("/?t=11", "https://example.org/\\", "ends with \\"),
    12: Sent("/?t=12", "", ""),
    13: Sent("/a?t=13&b=#22", user_agent="agent #22 {a|b}"),
    16: Sent("/missing?t=16"),
    17: Sent("/p%22q%5C?t=17"),
    18: Sent("/auth?t=18"),
    22: Sent("/?t=22", user_agent="caf\ufffd latin"),
    23: Sent("/a b?t=23"),
    24: Sent("//double/../x?t=24"),
    26: Sent("/?t=26"),
    27: Sent("/?t=27", user_agent='x" 200 5 "-" "y'),
    28: Sent("/?t=28", "https://example.org/\\x22?\\x41\\\\n", "\\x22 \\\\ \\n"),
    29: Sent("/?t=29", host="Blog.Example.com:8443"),
    30: Sent(f"/?t=30&{'x' * 1500}", user_agent="U" * 100),
    31: Sent("/auth?t=31"),
    32: Sent("/caf%C3%A9?t=32", "https://example.org/\u597d?\u00fc", "agent \u00e9\u597d"),
}


def number_of(target: str) -> int:
    """The number of a request."""
    found = _NUMBER.search(target)
    assert found, target
    return int(found[1])
