"""The names of sources: `l.facebook.com` and `utm_source=fb` are Facebook. The table is `assets/sources.txt`."""

import re
from functools import lru_cache
from typing import Final

from prisme import assets
from prisme.base.sections import Entry, read_entries
from prisme.base.uri import normalise_host

# What `sessions` has as the referrer of a visit that came from nowhere.
DIRECT_REFERRER: Final = "direct"
DIRECT: Final = "Direct"
# A page of the same site, which only 0.1.0 stored as a referrer.
INTERNAL: Final = "Internal"
_ENTRIES: Final = (
    *read_entries(assets.SOURCES.read_text()),
    Entry("direct", DIRECT, ("direct",)),
    Entry("internal", INTERNAL, ("internal",)),
)
_SECTIONS: Final = {entry.name: entry.section for entry in _ENTRIES}
_SCHEME: Final = re.compile(r"https?://([^/?#]*).*", re.IGNORECASE | re.DOTALL)
_WWW: Final = re.compile(r"(?:www\.)+(?=.)")
_PUNCTUATION: Final = re.compile(r"[\W_]+")


def _squeeze(text: str) -> str:
    """A text as it is compared with names: `hacker-news` and `Hacker News` are the same."""
    return _PUNCTUATION.sub("", text.lower())


_HOSTS: Final = {word: entry.name for entry in _ENTRIES for word in entry.words if "." in word}
_CLICK_IDS: Final = {word[1:]: entry.name for entry in _ENTRIES for word in entry.words if word.startswith("?")}
_NAMES: Final = {
    **{_squeeze(entry.name): entry.name for entry in _ENTRIES},
    **{word: entry.name for entry in _ENTRIES for word in entry.words if "." not in word and not word.startswith("?")},
}


@lru_cache(4096)
def name_source(text: str) -> str:
    """The name of a source by a referrer's host or an `utm_source`, which may be a name itself.

    One that the table lacks is called by its host without `www.`, or by its text in small letters.
    """
    url = _SCHEME.fullmatch(text)
    plain = _normalise(url[1] if url else text)
    return _find_host(plain) or _NAMES.get(_squeeze(plain)) or _WWW.sub("", plain, count=1)


def is_host(name: str) -> bool:
    """Whether the name of a source is a host: that of one which the table lacks."""
    return "." in name and " " not in name and name not in _SECTIONS


def find_section(name: str) -> str:
    """The section of the table that a name stands in; empty for an unknown one."""
    return _SECTIONS.get(name, "")


def name_network(click_id: str) -> str:
    """The name of the network that a click id belongs to; empty for one that the table has no more, and for none."""
    return _CLICK_IDS.get(click_id, "")


def _normalise(text: str) -> str:
    """A host as it is stored, punycode included; other texts in small letters."""
    return (normalise_host(text) if "." in text else None) or text.lower()


def _find_host(host: str) -> str | None:
    """The name of a host by the longest suffix that the table has."""
    labels = host.rpartition(":")[0].split(".") if ":" in host else host.split(".")
    for start in range(len(labels) if len(labels) > 1 else 0):
        suffix = labels[start:]
        name = _HOSTS.get(".".join(suffix))
        # google.de, google.co.uk, google.com.br, but not google.example.com.
        if name is None and (len(suffix) == 2 or (len(suffix) == 3 and len(suffix[1]) <= 3 and len(suffix[2]) == 2)):
            name = _HOSTS.get(suffix[0] + ".")
        if name:
            return name
    return None
