"""What a browser says of itself: families of browser, system and device, and whether it is a bot.

The names are ua-parser's (its extractors are asked directly: two to three times faster than its public API, hence the
pinned `ua-parser-rs`). Never keeps or logs a User-Agent beyond the bounded cache.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final, Literal, Protocol

import msgspec
from ua_parser import load_lazy_builtins
from ua_parser_rs import DeviceExtractor, OSExtractor, UserAgentExtractor

from prisme.assets import BOT_PATTERNS
from prisme.base.events import Client

BotFilter = Literal["strict", "basic", "off"]

OTHER: Final = "Other"

# Bounds the work of the regular expressions and the keys of the cache. Of 10,000 current browsers' User-Agents, the
# longest has 268 bytes.
_LONGEST = 512
# At most 1 kB each, so 10 MB in all. A sample of 10,000 browsers has 952 different User-Agents.
_CACHED = 10_000
# Sec-CH-UA-Model comes from the visitor and is stored: names of devices are far shorter.
_LONGEST_MODEL = 128

# Chrome's reduced User-Agent says `K` for every device: https://www.chromium.org/updates/ua-reduction/
_NO_DEVICE = frozenset({"", "K"})
_BOT_FAMILY = ("Bot", "Spider", "Crawl", "Headless")
_MOBILE = {b"?1": True, b"?0": False}
_PLATFORMS = {
    b'"Android"': "Android",
    b'"Chrome OS"': "Chrome OS",
    b'"Chromium OS"': "Chrome OS",
    b'"Linux"': "Linux",
    b'"Windows"': "Windows",
    b'"iOS"': "iOS",
    b'"macOS"': "macOS",
}

# One system has one name: browsers that say it in a client hint call it so.
_SYSTEMS = {"Mac OS X": "macOS"}
# What is asked of a client, in this order; device families of ua-parser, or words of the User-Agent.
_CONSOLE = re.compile(r"playstation|xbox|nintendo", re.IGNORECASE)
_TV = re.compile(
    r"smart-?tv|hbbtv|netcast|web0s|appletv|apple ?tv|google ?tv|android ?tv|crkey|chromecast|roku|bravia|viera|"
    r"\baft[a-z]|shield android|\bdtv\b|\btv\b",
    re.IGNORECASE,
)
# Windows 7 said `Tablet PC 2.0` on many a desktop.
_TABLET = re.compile(
    r"ipad|tablet(?! pc)|kindle|silk(?!.*mobile)|playbook|\btab\b|\bpad\b|nexus (?:7|9|10)", re.IGNORECASE
)
_PHONE = re.compile(
    r"iphone|ipod|windows phone|mobile|blackberry|symbian|nokia|\bmidp|feature phone|smartphone", re.IGNORECASE
)
_TV_SYSTEMS = frozenset({"tvOS", "ATV OS X", "Web0S", "webOS", "GoogleTV", "WebTV", "FireHbbTV", "Roku", "Tizen"})
_DESKTOPS = frozenset(
    {
        "Windows", "macOS", "Mac OS", "Linux", "Chrome OS", "Ubuntu", "Kubuntu", "Lubuntu", "Debian", "Fedora",
        "Red Hat", "CentOS", "SUSE", "openSUSE", "Mandriva", "Mageia", "Linux Mint", "Arch Linux", "Gentoo",
        "Slackware", "PCLinuxOS", "Puppy", "BackTrack", "Solaris", "SerenityOS",
        "FreeBSD", "OpenBSD", "NetBSD", "BSD",
    }
)  # fmt: skip

_NOTHING = r"[^\s\S]"
_ESCAPED = re.compile(r"\\([\\\"])")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LOOK_BEHIND_CHOICE = re.compile(r"\(\?<!([^()|]*\|[^()]*)\)")
# One of these is in every text that a pattern with look-around can match; few browsers' User-Agents have any.
_LOOK_AROUND_WORDS = ("news", "google", "bot", "scan", "http", "java")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What one visitor's headers say."""

    client: Client
    is_bot: bool


class BotPatterns:
    """The strict list, in the Rust engine; what that cannot do (look-around) in `re`, behind a gate of plain words.

    Equal to trying each pattern with `re`, ASCII and case-insensitive, in a fortieth of the time.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        around = [pattern for pattern in patterns if "(?!" in pattern or "(?<" in pattern]
        plain = [pattern for pattern in patterns if pattern not in around]
        # One alternation: half the time and half the memory of 200 separate patterns.
        self._plain = UserAgentExtractor([("(?i)" + _any_of(plain), "bot", None, None, None, None)])
        self._around = re.compile(_any_of([_fixed_width(pattern) for pattern in around]), re.ASCII | re.IGNORECASE)

    def match(self, ua: str) -> bool:
        # The patterns know ASCII only; else the two engines would disagree on letters such as the Kelvin sign.
        ascii_ua = ua if ua.isascii() else _NOT_ASCII.sub("~", ua)
        if self._plain.extract(ascii_ua):
            return True
        lower = ascii_ua.lower()
        return any(word in lower for word in _LOOK_AROUND_WORDS) and self._around.search(ascii_ua) is not None


class UserAgents:
    """Reads User-Agents and client hints. `bot_allow` are regular expressions, searched without regard to case.

    Raises ValueError where one of them is none. Loading takes about 0.2 s and 35 MB.
    """

    def __init__(self, bot_filter: BotFilter, bot_allow: Sequence[str]) -> None:
        self._filter = bot_filter
        self._allow = [_compile(pattern) for pattern in bot_allow]
        self._patterns = BotPatterns(_load_patterns()) if bot_filter == "strict" else None
        browsers, systems, devices = load_lazy_builtins()
        fields = attrgetter("regex", "family", "major", "minor", "patch", "patch_minor")
        self._browser = UserAgentExtractor(map(fields, browsers))
        self._os = OSExtractor(map(fields, systems))
        self._device = DeviceExtractor(map(attrgetter("regex", "regex_flag", "family", "brand", "model"), devices))
        self._parse_cached = lru_cache(_CACHED)(self._parse)
        self._read_cached = lru_cache(_CACHED)(self._read)

    def read(self, user_agent: bytes, platform: bytes, model: bytes, mobile: bytes) -> Reading:
        """Read User-Agent, Sec-CH-UA-Platform, -Model and -Mobile, the headers as they came; empty where absent."""
        model = model if len(model) <= _LONGEST_MODEL else b""
        platform = platform if platform in _PLATFORMS else b""
        return self._read_cached(user_agent[:_LONGEST], platform, model, mobile if mobile in _MOBILE else b"")

    def _read(self, user_agent: bytes, platform: bytes, model: bytes, mobile: bytes) -> Reading:
        reading = self._parse_cached(user_agent)
        if not platform and not model and not mobile:
            return reading
        client = reading.client
        os, device = _PLATFORMS.get(platform, client.os), _read_model(model) or client.device
        ua = user_agent.decode("utf-8", "replace")
        return Reading(
            Client(os, client.browser, device, find_type(os, device, ua, _MOBILE.get(mobile))), reading.is_bot
        )

    def _parse(self, user_agent: bytes) -> Reading:
        ua = user_agent.decode("utf-8", "replace")
        browser = _family(self._browser.extract(ua))
        device = _family(self._device.extract(ua))
        if device in _NO_DEVICE:
            device = OTHER
        os = _family(self._os.extract(ua))
        os = _SYSTEMS.get(os, os)
        client = Client(os, browser, device, find_type(os, device, ua, None))
        return Reading(client, self._is_bot(ua, browser, device))

    def _is_bot(self, ua: str, browser: str, device: str) -> bool:
        if self._filter == "off" or any(allowed.search(ua) for allowed in self._allow):
            return False
        if not ua.strip() or any(word in browser or word in device for word in _BOT_FAMILY):
            return True
        return self._patterns is not None and self._patterns.match(ua)


def find_type(os: str, device: str, ua: str, is_mobile: bool | None) -> str:
    """Which of `DEVICE_TYPES` a client is; `is_mobile` is what it says itself, None where it does not.

    An iPad whose browser asks for desktop pages says that it is a Mac: nothing here can tell.
    """
    words = f"{device} {ua}"
    if _CONSOLE.search(words):
        return "console"
    if _TV.search(words) or (os in _TV_SYSTEMS and not _PHONE.search(words)):
        return "tv"
    if _TABLET.search(words):
        return "tablet"
    if os == "Android":
        # Chrome's phones say so in two ways, its tablets in none.
        return "mobile" if is_mobile or _PHONE.search(ua) else "tablet"
    if is_mobile or os == "iOS" or _PHONE.search(words):
        return "mobile"
    return "desktop" if os in _DESKTOPS else "other"


class _Found(Protocol):
    family: str


def _family(found: _Found | None) -> str:
    return (found.family if found else "") or OTHER


def _read_model(header: bytes) -> str:
    """The device of a Sec-CH-UA-Model header, a quoted string; empty where it names none or nothing printable."""
    try:
        model = header.decode()
    except UnicodeDecodeError:
        return ""
    if len(model) >= 2 and model[0] == model[-1] == '"':
        model = _ESCAPED.sub(r"\1", model[1:-1])
    model = model.strip()
    return model if model.isprintable() and model not in _NO_DEVICE else ""


def _load_patterns() -> list[str]:
    return msgspec.json.decode(BOT_PATTERNS.read_bytes(), type=list[str])


def _any_of(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns) or _NOTHING


def _fixed_width(pattern: str) -> str:
    """`(?<!ab|c)` as `(?<!ab)(?<!c)`, the same to JavaScript, but `re` looks behind by a fixed width only."""
    return _LOOK_BEHIND_CHOICE.sub(lambda found: "".join(f"(?<!{part})" for part in found[1].split("|")), pattern)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"bot_allow: {pattern!r} is no regular expression: {error}") from error
