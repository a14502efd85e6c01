"""Decodes paths, hosts and links for people: percent-encoding and punycode, as far as it is unambiguous.

Filters accept the decoded form: `stats/patterns.py` turns it back into the stored text. Whatever would not convert
back, is invisible, or looks like something else stays encoded.
"""

import re
import unicodedata
from typing import Final

import idna

from prisme.stats.patterns import HOSTS, PATHS, Pattern, escape, normalise

_ESCAPES: Final = re.compile(r"(?:%[0-9A-F]{2})+")
# A space at either end is invisible, and browsers collapse two into one.
_LOST_SPACE: Final = re.compile(r"\A | \Z|(?<= ) | (?= )")
_PLAIN_ASCII: Final = frozenset(' "<>[]^`{|}')
# Printable to Python, but invisible or like a slash: fillers, joiners, variation selectors, U+2044, U+2215, U+29F8.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2044\u2215\u2800\u29f8\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Filters whose values may be hosts.
_OF_HOSTS: Final = HOSTS | {"source"}
_URL: Final = re.compile(r"(https?://)([^/?#]*)([^?#]*)(.*)", re.DOTALL)
# Letters that look like Latin ones, from Chromium's list: a name of these alone is shown as punycode.
_LATIN_LIKE: Final = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ")
_WITH_LATIN: Final = frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"))


def decode_value(name: str, stored: str) -> str:
    """A value of the column that the filter `name` is about."""
    return decode_pattern(name, (stored,))[0]


def decode_pattern(name: str, pattern: Pattern) -> Pattern:
    """A pattern of the filter `name`, as `filters.parse` returns it."""
    if name not in PATHS and name not in _OF_HOSTS:
        return pattern
    decode = decode_path if name in PATHS else _decode_labels
    decoded = tuple(map(decode, pattern))
    # The pieces around a star are decoded one by one, and may decode where the whole text would not.
    return decoded if normalise(name, decoded) == pattern else pattern


def decode_path(path: str) -> str:
    """A path in normal form, decoded as far as it is unambiguous."""
    if "%" not in path:
        return path
    text = _ESCAPES.sub(_decode_escapes, path)
    # A decomposed text looks like its composed form.
    return _LOST_SPACE.sub("%20", text) if unicodedata.is_normalized("NFC", text) else path


def decode_host(domain: str) -> str:
    """A host, with or without a port or `*.`: IDNs in Unicode, unless they could be mistaken for another name."""
    if domain.startswith("*."):
        return f"*.{decode_host(domain[2:])}"
    decoded = _decode_labels(domain)
    return decoded if normalise("domain", (decoded,)) == (domain,) else domain


def decode_link(url: str) -> str:
    """The URL of a link or file; its query stays encoded."""
    parts = _URL.fullmatch(url)
    return parts[1] + decode_host(parts[2]) + decode_path(parts[3]) + parts[4] if parts else url


def _decode_escapes(escapes: re.Match[str]) -> str:
    try:
        text = bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]
    return "".join(character if _is_plain(character) else escape(character) for character in text)


def _is_plain(character: str) -> bool:
    """Whether an escaped character may be decoded: it has no meaning in URLs and does not look like ASCII."""
    if character.isascii():
        return character in _PLAIN_ASCII
    same = unicodedata.normalize("NFKC", character)
    return character.isprintable() and not _UNSEEN.match(character) and not (len(same) == 1 and same.isascii())


def _decode_labels(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    host, colon, port = domain.partition(":")
    labels = host.split(".")
    is_latin = not labels[-1].startswith("xn--")
    return ".".join(_decode_label(label, is_latin) for label in labels) + colon + port


def _decode_label(label: str, is_latin: bool) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        text = idna.ulabel(label)
    except UnicodeError:
        return label
    return label if _is_confusable(text, is_latin) else text


def _is_confusable(label: str, is_latin: bool) -> bool:
    """Whether a label mixes scripts with Latin, or, under a Latin top-level domain, only looks Latin."""
    letters = [character for character in label if character.isalpha()]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    mixes = "LATIN" in scripts and not scripts <= _WITH_LATIN
    return mixes or (is_latin and bool(letters) and _LATIN_LIKE.issuperset(letters))
