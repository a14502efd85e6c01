"""The figures of a journal, counted in plain Python."""

import itertools
import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from prisme.base import uri
from prisme.base.timexpr import SECOND
from prisme.stats.channels import spell_channel
from prisme.stats.selection import Span
from prisme.stats.source_names import name_source
from tests.stats import goal_oracle
from tests.stats.lines import LINES


class Journal:
    """What the lines say: newest state of each session, and the rows of each kind with their times."""

    def __init__(self, lines: list[bytes]) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in map(json.loads, lines):
            state = line["session"]
            self.sessions[state["uuid"]] = state
            self.rows[line["kind"]].append(state | {"path": state["exit_path"]} | line | {"at": state["exit"]})

    def views_of(self, uuid: str) -> list[dict[str, Any]]:
        return [row for row in self.rows["pageview"] if row["uuid"] == uuid]

    def events_of(self, uuid: str) -> list[dict[str, Any]]:
        return [row for row in self.rows["custom"] if row["uuid"] == uuid]


class Term(NamedTuple):
    """One term of a filter, as a generator makes it: `parts` are between the stars."""

    negated: bool
    parts: tuple[str, ...]

    def __str__(self) -> str:
        text = "*".join(re.sub(r"([\\,*])", r"\\\1", part) for part in self.parts)
        return ("!" if self.negated else "\\" if text.startswith("!") else "") + text

    def fits(self, text: str) -> bool:
        """By trying each place for each part, from the left."""
        head, *rest = self.parts
        if not rest:
            return text == head
        if not text.startswith(head):
            return False
        return any(Term(False, tuple(rest)).fits(text[cut:]) for cut in range(len(head), len(text) + 1))


Made = dict[str, list[Term]]


def passes(terms: list[Term], text: str) -> bool:
    wanted = [term for term in terms if not term.negated]
    return not any(term.fits(text) for term in terms if term.negated) and (
        not wanted or any(term.fits(text) for term in wanted)
    )


def source_of(state: dict[str, Any]) -> str:
    """The name of each source that `lines.py` makes."""
    campaign = state["utm"].get("source", "")
    if campaign:
        return {"letter": "letter", "Letter": "letter", "chatgpt.com": "ChatGPT"}[campaign]
    if state["referrer"] == "direct":
        return "Google" if state.get("click_id") else "Direct"
    if state["referrer"] == state["domain"].partition(":")[0]:
        return "Internal"
    referrer = str(state["referrer"])
    return {"www.example.org": "example.org", "www.google.de": "Google"}.get(referrer, referrer)


def channel_of(state: dict[str, Any]) -> str:
    """How each visit of `lines.py` came; the only click id is of Google."""
    source, medium = source_of(state), state["utm"].get("medium", "")
    if source == "Internal":
        return "Internal"
    if medium == "cpc" or state.get("click_id"):
        return "Paid search" if source == "Google" or state.get("click_id") else "Paid other"
    if medium == "mail":
        return "Email"
    others = {"ChatGPT": "AI assistants", "Google": "Organic search", "Direct": "Direct", "letter": "Campaign"}
    return others.get(source, "Referral")


def place_of(state: dict[str, Any], part: str) -> str:
    """A region or city with its country."""
    name = state.get("place", {}).get(part, "")
    return f"{name} ({state['country']})" if name else ""


FIELDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "source": source_of,
    "channel": channel_of,
    "domain": itemgetter("domain"),
    "entry-path": itemgetter("entry_path"),
    "exit-path": itemgetter("exit_path"),
    "referrer": itemgetter("referrer"),
    "country": itemgetter("country"),
    "region": lambda state: place_of(state, "region"),
    "city": lambda state: place_of(state, "city"),
    "os": lambda state: state["client"]["os"],
    "browser": lambda state: state["client"]["browser"],
    "device": lambda state: state["client"]["device"],
    "device-type": lambda state: state["client"]["type"],
    "utm-source": lambda state: state["utm"].get("source", ""),
    "utm-medium": lambda state: state["utm"].get("medium", ""),
    "utm-campaign": lambda state: state["utm"].get("campaign", ""),
    "utm-term": lambda state: state["utm"].get("term", ""),
    "utm-content": lambda state: state["utm"].get("content", ""),
    "imported": lambda state: str(state.get("imported", "no")),  # which no journal has
}


def as_stored(name: str, term: Term) -> Term:
    """A term as what it is of is stored: of paths as URLs are; of names, `google` is `Google`."""
    if name in ("source", "channel"):
        spell = name_source if name == "source" else spell_channel
        return Term(term.negated, tuple(map(spell, term.parts))) if len(term.parts) == 1 else term
    if "path" not in name:
        return term
    if len(term.parts) == 1 and term.parts[0].startswith("/"):
        url = uri.parse(b"http://localhost" + term.parts[0].encode())
        assert url
        return Term(term.negated, (url.path,))
    return Term(term.negated, tuple(map(escape, term.parts)))


def escape(text: str) -> str:
    """A part of a path: escapes in one form, and what has to be escaped."""
    parts = re.split(r"(%[0-9A-Fa-f]{2})", text)
    safe = "!$&'()*+,;=:@/"
    texts = (quote(part, safe) for part in parts[::2])
    escapes = (quote(unquote_to_bytes(part), "") for part in parts[1::2])  # one byte each
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(texts, escapes, fillvalue="")))


def property_text(value: Any) -> str:
    """A property's value as it is listed."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


# The filter on the rows of each kind but pageviews, and the field that it is about.
ACTIONS = {
    "custom": ("event", "name"),
    "outbound": ("outbound-link", "url"),
    "download": ("file-download", "url"),
}


class Oracle:
    """Which sessions and rows some filters leave, and what is counted of them."""

    def __init__(self, journal: Journal, made: Made) -> None:
        self.journal, self.made = journal, {name: [as_stored(name, term) for term in made[name]] for name in made}
        self.left = {uuid for uuid, state in journal.sessions.items() if self._has_fields(state)}
        if {"path", "status"} & set(made):
            self.left &= {row["uuid"] for row in journal.rows["pageview"] if self.view_counts(row)}
        for kind, (name, _) in ACTIONS.items():
            if name in made or (kind == "custom" and any(one.startswith("prop.") for one in made)):
                self.left &= {row["uuid"] for row in journal.rows[kind] if self.action_counts(kind, row)}

        if "goal" in made:
            rows = {uuid: [*journal.views_of(uuid), *journal.events_of(uuid)] for uuid in self.left}
            self.left = {uuid for uuid in self.left if goal_oracle.session_passes(rows[uuid], made["goal"])}

    def _has_fields(self, state: dict[str, Any]) -> bool:
        return all(passes(terms, FIELDS[name](state)) for name, terms in self.made.items() if name in FIELDS)

    def view_counts(self, row: dict[str, Any]) -> bool:
        return passes(self.made.get("path", []), row["path"]) and passes(
            self.made.get("status", []), str(row["status"])
        )

    def action_counts(self, kind: str, row: dict[str, Any]) -> bool:
        """Whether one event matches; a custom event also all filters on properties."""
        name, field = ACTIONS[kind]
        properties = json.loads(row["properties"]) if kind == "custom" else {}
        wanted = [one for one in self.made if one.startswith("prop.") and kind == "custom"]
        values = {one: properties.get(one.removeprefix("prop.")) for one in wanted}
        return passes(self.made.get(name, []), row[field]) and all(
            value is not None and passes(self.made[one], property_text(value)) for one, value in values.items()
        )

    def sessions(self, start: int, end: int) -> list[dict[str, Any]]:
        states = (self.journal.sessions[uuid] for uuid in self.left)
        return [state | {"at": state["entry"]} for state in states if start <= state["entry"] < end]

    def rows(self, kind: str, start: int, end: int) -> list[dict[str, Any]]:
        rows = [row for row in self.journal.rows[kind] if row["uuid"] in self.left and start <= row["at"] < end]
        if kind == "pageview":
            return [row for row in rows if self.view_counts(row)]
        return [row for row in rows if self.action_counts(kind, row)]

    def series(self, name: str, span: Span) -> list[float]:
        if name in {"sessions", "bounces", "sessions-duration"}:
            source = self.sessions(span.start, span.end)
        else:
            kinds = ("custom", "download", "outbound") if name == "events" else ("pageview",)
            source = [row for kind in kinds for row in self.rows(kind, span.start, span.end)]
        buckets: list[list[dict[str, Any]]] = [[] for _ in span.edges[1:]]
        for row in source:
            buckets[bisect_right(span.edges, row["at"]) - 1].append(row)
        return [self.figure(name, rows) for rows in buckets]

    def total(self, name: str, span: Span) -> float:
        (value,) = self.series(name, Span(span.start, span.end, [span.start, max(span.end, span.start + 1)]))
        return value

    def figure(self, name: str, rows: list[dict[str, Any]]) -> float:
        values: dict[str, Callable[[list[dict[str, Any]]], float]] = {
            "visitors": lambda rows: len({row["visitor"] for row in rows}),
            "sessions": len,
            "pageviews": len,
            "events": len,
            "bounces": lambda rows: sum(row["pageviews"] <= 1 and not row["events"] for row in rows),
            "sessions-duration": lambda rows: (
                sum(row["exit"] - row["entry"] for row in rows) / SECOND / (len(rows) or 1)
            ),
        }
        return values[name](rows)

    def top(self, name: str, start: int, end: int) -> Counter[str]:
        kind, key = TOP_FIELDS[name]
        source = self.sessions(start, end) if kind == "session" else self.rows(kind, start, end)
        return Counter(text for text in map(key, source) if text)


TOP_FIELDS: dict[str, tuple[str, Any]] = {
    "top-pages": ("pageview", lambda row: row["path"]),
    "top-statuses": ("pageview", lambda row: str(row["status"])),
    "top-custom-events": ("custom", lambda row: row["name"]),
    "top-outbound-links": ("outbound", lambda row: row["url"]),
    "top-file-downloads": ("download", lambda row: row["url"]),
    **{
        f"top-{plural}": ("session", FIELDS[name])
        for plural, name in {
            "entry-pages": "entry-path",
            "exit-pages": "exit-path",
            "sources": "source",
            "channels": "channel",
            "referrers": "referrer",
            "countries": "country",
            "regions": "region",
            "cities": "city",
            "operating-systems": "os",
            "browsers": "browser",
            "devices": "device",
            "device-types": "device-type",
            **{f"utm-{part}s": f"utm-{part}" for part in ("source", "medium", "campaign", "term", "content")},
        }.items()
    },
}
JOURNAL = Journal(LINES)
