"""Random visits in segments: across months and midnights, in any order, with all that texts and properties may have."""

import json
from typing import Any, Final

from hypothesis import strategies as st

from prisme.base.events import DIRECT, Client, Place, Session, Utm
from prisme.base.timexpr import SECOND
from prisme.ingest.custom import read_properties
from prisme.journal.record import CustomLine, DownloadLine, Line, OutboundLine, PageviewLine, encode
from prisme.visit.sessions import new_id

DAY: Final = 86_400 * SECOND
# The last seconds of a month, of a year, and of a day; microseconds.
_TURNS: Final = [1_793_491_200 * SECOND, 1_798_761_600 * SECOND, 1_795_478_400 * SECOND]
NASTY: Final = [
    "", " ", "/", "a\tb\nc\r", "\\N", "\\", "'", '"', "`", "%_", "{x:String}", "--", "/*", ";", "\x00", "\x01\x1f",
    "NULL", "null", "[]", "\u2028", "é", "e\u0301", "👩‍👩‍👧", "\U0010ffff", "\ufeff", "ß", "İ", "a" * 300,
]  # fmt: skip
TEXTS: Final = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
_HOSTS: Final = st.sampled_from(["example.com", "shop.example.com:8080", "b.example"])
_REFERRERS: Final = st.one_of(
    st.sampled_from([DIRECT, "www.google.de", "shop.example.com", "t.co", "www.example.org"]), TEXTS
)
_UTMS: Final = st.one_of(
    st.just(Utm()),
    st.builds(Utm, st.one_of(st.sampled_from(["fb", "newsletter", "Google", ""]), TEXTS), TEXTS, TEXTS, TEXTS, TEXTS),
    st.builds(Utm, st.sampled_from(["", "google"]), st.sampled_from(["cpc", "email", "social"])),
)
_CLICKS: Final = st.sampled_from(["", "", "gclid", "fbclid", "unknown"])
_CLIENTS: Final = st.builds(Client, TEXTS, TEXTS, TEXTS, st.sampled_from(["desktop", "mobile", "other"]))
_VISITORS: Final = st.sampled_from(["prisme_1", "anon_2", "reader-3", "Prisme_", "visitor\t4"])


class Pairs(list[tuple[str, Any]]):
    """A JSON object, whose names may come twice."""


def write_json(value: Any) -> str:
    """A value as JSON, also with names that come twice."""
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(name)}:{write_json(member)}" for name, member in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_json, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


_NAMES: Final = st.one_of(st.sampled_from(["a", "b", "a.b", "a/b~c", "", "$", "*"]), TEXTS)
_LEAVES: Final = st.one_of(
    st.sampled_from(["null", "true", "1", "1.0", "1.10", "1e2", "-0", "12345678901234567890", "1e300", "0.1"]),
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
)
_VALUES: Final = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(_NAMES, inner), max_size=3).map(Pairs)),
    max_leaves=6,
)
# Only what would be stored.
PROPERTIES: Final = (
    st.lists(st.tuples(_NAMES, _VALUES), max_size=5)
    .map(lambda pairs: write_json(Pairs(pairs)))
    .filter(lambda text: isinstance(read_properties(text.encode()), str))
)


@st.composite
def visit(draw: st.DrawFn, number: int) -> list[bytes]:
    """The lines of a visit, in order."""
    entry = draw(st.sampled_from(_TURNS)) + draw(st.integers(-3, 3)) + draw(st.integers(-2 * DAY, 2 * DAY))
    entry = draw(st.sampled_from([entry, *(turn - 1 for turn in _TURNS)]))
    path, domain, visitor = draw(TEXTS), draw(_HOSTS), draw(_VISITORS)
    place = draw(st.one_of(st.none(), st.builds(Place, TEXTS, TEXTS)))
    state = Session(
        new_id(entry, number), domain, entry, path, entry, path, 200, visitor, draw(_CLIENTS),
        draw(st.sampled_from(["FR", "XX"])), DIRECT, Utm(), 0, 0, place=place,
    )  # fmt: skip
    device = draw(st.one_of(st.none(), st.integers(0, 2**64 - 1)))
    lines: list[bytes] = []
    now = entry
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["view", "view", "custom", "download", "outbound"]))
        state = _step(draw, state, kind, now)
        lines.append(encode([_line(draw, state, kind, device)]))
        now += draw(st.sampled_from([0, 1, SECOND, 3600 * SECOND, DAY // 2]))
    return lines


def _step(draw: st.DrawFn, state: Session, kind: str, now: int) -> Session:
    if kind != "view":
        return state.act(now)
    path, status, visitor = draw(TEXTS), draw(st.sampled_from([200, 404])), draw(_VISITORS)
    if state.pageviews:
        return state.view(path, now, status, visitor)
    return state.arrive(path, now, status, visitor, draw(_REFERRERS), draw(_UTMS), draw(_CLICKS))


def _line(draw: st.DrawFn, state: Session, kind: str, device: int | None) -> Line:
    if kind == "view":
        return PageviewLine(device, state)
    if kind == "custom":
        return CustomLine(device, state, draw(TEXTS), draw(TEXTS), draw(PROPERTIES))
    return (DownloadLine if kind == "download" else OutboundLine)(device, state, draw(TEXTS), draw(TEXTS))


@st.composite
def segments(draw: st.DrawFn) -> list[list[bytes]]:
    """The lines of one segment or several, which have those of a visit in any order; some are not events."""
    count = draw(st.integers(1, 4))
    numbers = draw(st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=6, unique=True))
    lines = [line for number in numbers for line in draw(visit(number))]
    found: list[list[bytes]] = [[] for _ in range(count)]
    for line in draw(st.permutations(lines)):
        found[draw(st.integers(0, count - 1))].append(line)
    if draw(st.booleans()):
        found[0].append(b"no event\n")
    return found
