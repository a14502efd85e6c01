"""Paths, hosts and links as people read them: decoded, where what is shown still stands for one stored text.

A filter finds what it is shown as: `stats/patterns.py` gives the stored text back. What would not come back, what
cannot be seen, and what looks like something else stays encoded.
"""

import re
import unicodedata
from typing import Final

import idna

from prisme.stats.patterns import HOSTS, PATHS, Pattern, escape, normalise

_ESCAPES: Final = re.compile(r"(?:%[0-9A-F]{2})+")
# At an end a space is not seen, and of two, browsers show one.
_LOST_SPACE: Final = re.compile(r"\A | \Z|(?<= ) | (?= )")
_PLAIN_ASCII: Final = frozenset(' "<>[]^`{|}')
# Printable to Python, but empty or a slash to the eye: fillers, joiners, variation selectors, U+2044, U+2215, U+29F8.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2044\u2215\u2800\u29f8\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_URL: Final = re.compile(r"(https?://)([^/?#]*)([^?#]*)(.*)", re.DOTALL)
# Letters that look like Latin ones, as Chromium lists them: of these alone, a name is shown as punycode.
_LATIN_LIKE: Final = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ")
_WITH_LATIN: Final = frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"))


def show(name: str, text: str) -> str:
    """A value of a filter's column."""
    return show_pattern(name, (text,))[0]


def show_pattern(name: str, pattern: Pattern) -> Pattern:
    """A pattern of a filter, as `filters.parse` gives it."""
    if name not in PATHS and name not in HOSTS:
        return pattern
    decode = decode_path if name in PATHS else _decode_labels
    shown = tuple(map(decode, pattern))
    # A piece of a text may be decoded where the whole would not be.
    return shown if normalise(name, shown) == pattern else pattern


def decode_path(path: str) -> str:
    """A path in normal form, decoded as far as it is safe."""
    if "%" not in path:
        return path
    text = _ESCAPES.sub(_decode_escapes, path)
    # What is not composed looks like what is.
    return _LOST_SPACE.sub("%20", text) if unicodedata.is_normalized("NFC", text) else path


def decode_host(domain: str) -> str:
    """A host, with or without a port: IDNs as they are spoken, unless they could be taken for another name."""
    shown = _decode_labels(domain)
    return shown if normalise("domain", (shown,)) == (domain,) else domain


def decode_link(url: str) -> str:
    """The URL of a link or file; its query stays as it is."""
    parts = _URL.fullmatch(url)
    return parts[1] + decode_host(parts[2]) + decode_path(parts[3]) + parts[4] if parts else url


def _decode_escapes(escapes: re.Match[str]) -> str:
    try:
        text = bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]
    return "".join(one if _is_plain(one) else escape(one) for one in text)


def _is_plain(one: str) -> bool:
    """Whether a character that was escaped may be shown: none that has a meaning in URLs or looks like one in ASCII."""
    if one.isascii():
        return one in _PLAIN_ASCII
    same = unicodedata.normalize("NFKC", one)
    return one.isprintable() and not _UNSEEN.match(one) and not (len(same) == 1 and same.isascii())


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
    letters = [one for one in label if one.isalpha()]
    scripts = {unicodedata.name(one, "").partition(" ")[0] for one in letters}
    mixes = "LATIN" in scripts and not scripts <= _WITH_LATIN
    return mixes or (is_latin and bool(letters) and _LATIN_LIKE.issuperset(letters))
