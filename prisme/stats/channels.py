"""Channels: how a visit came, such as by organic search or by an ad. The table is `assets/channels.txt`."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from prisme import assets
from prisme.base.sections import Entry, read_entries
from prisme.stats.source_names import (
    DIRECT,
    DIRECT_REFERRER,
    find_section,
    is_host,
    name_network,
    name_source,
)
from prisme.store.arrivals import Arrival

# The medium of a visit with a click id, unless its own is above this one in the table.
_PAID: Final = "paid"
_ENTRIES: Final = read_entries(assets.CHANNELS.read_text())


class _Rule(NamedTuple):
    """A line of the table; None stands for anything."""

    channel: str
    mediums: frozenset[str] | None
    sections: frozenset[str] | None
    is_campaign: bool


def _read_rule(entry: Entry) -> _Rule:
    values = {key: frozenset(text.split(",")) for key, _, text in (word.partition("=") for word in entry.words)}
    return _Rule(entry.name, values.get("medium"), values.get("source"), "campaign" in values)


def _compile(entry: Entry) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word).replace(r"\*", ".*") for word in entry.words), re.DOTALL)


_MEDIUMS: Final = {entry.name: _compile(entry) for entry in _ENTRIES if entry.section == "mediums"}
_PAID_MEDIUMS: Final = tuple(_MEDIUMS)[: tuple(_MEDIUMS).index(_PAID) + 1]
_RULES: Final = [_read_rule(entry) for entry in _ENTRIES if entry.section == "channels"]
CHANNELS: Final = tuple(dict.fromkeys(rule.channel for rule in _RULES))
_SPELLINGS: Final = {channel.lower(): channel for channel in CHANNELS}


def spell_channel(text: str) -> str:
    """A channel in any case as the table spells it; any other text as it is."""
    return _SPELLINGS.get(text.lower(), text)


def find_source(arrival: Arrival) -> str:
    """The source of a visit: by its `utm_source`, else by its referrer, else by the network of its click id."""
    if arrival.utm_source:
        return name_source(arrival.utm_source)
    if arrival.referrer_domain == DIRECT_REFERRER:
        return name_network(arrival.click_id) or DIRECT
    return name_source(arrival.referrer_domain)


def find_channel(arrival: Arrival, source: str) -> str:
    """The channel of a visit from this source."""
    medium = _find_medium(arrival)
    sections = {find_section(source), find_section(name_network(arrival.click_id))} - {""}
    for rule in _RULES:
        if rule.mediums is not None and medium not in rule.mediums:
            continue
        if rule.sections is not None and not rule.sections & sections:
            continue
        if not rule.is_campaign or _is_campaign(arrival, source):
            return rule.channel
    raise LookupError("the last line of channels.txt fits any visit")


def _find_medium(arrival: Arrival) -> str:
    """The line of the table's mediums; empty for none."""
    word = re.sub(r"[\s_]+", "-", (arrival.utm_medium or arrival.utm_source).lower())
    known = _PAID_MEDIUMS if arrival.click_id else _MEDIUMS
    return _first(name for name in known if _MEDIUMS[name].fullmatch(word)) or (_PAID if arrival.click_id else "")


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")


def _is_campaign(arrival: Arrival, source: str) -> bool:
    return bool(arrival.utm_medium or (arrival.utm_source and not find_section(source) and not is_host(source)))
