"""A client's browser, system and device, by its User-Agent and client hints; a bot's refusal is read along with them.

The names are ua-parser's. Its extractors are called directly, which is two to three times faster than its public API;
hence the pinned `ua-parser-rs`. A User-Agent stays in the bounded caches alone: it is never stored or logged.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from prisme.base.events import Client
from prisme.base.refusal import Refusal
from prisme.visit.device_type import find_device_type

if TYPE_CHECKING:
    from ua_parser_rs import DeviceExtractor, OSExtractor, UserAgentExtractor

OTHER: Final = "Other"

# Limits the work of the regular expressions and the size of the caches' keys. Of 10,000 current browsers' User-Agents,
# the longest has 268 bytes.
_LONGEST = 512
# At most 1 kB each, so 10 MB in all. A sample of 10,000 browsers has 952 different User-Agents.
_CACHED = 10_000
# Sec-CH-UA-Model comes from the client and is stored: names of devices are far shorter.
_LONGEST_MODEL = 128

# Chrome's reduced User-Agent says `K` for every device: https://www.chromium.org/updates/ua-reduction/
_NO_DEVICE = frozenset({"", "K"})
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
# ua-parser's names of systems that client hints name otherwise: one system has one name.
_SYSTEMS = {"Mac OS X": "macOS"}
_ESCAPED = re.compile(r"\\([\\\"])")

# From a User-Agent, its browser family and its device family to the refusal of a bot, None for any other client.
RefuseBot = Callable[[str, str, str], Refusal | None]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What one client's headers say; `refusal` is None unless it is a bot."""

    client: Client
    refusal: Refusal | None

    @property
    def is_bot(self) -> bool:
        """Whether the client is refused as a bot."""
        return self.refusal is not None


class UserAgents:
    """Reads User-Agents and client hints."""

    def __init__(self, refuse_bot: RefuseBot) -> None:
        self._refuse_bot = refuse_bot
        self._parse_cached = lru_cache(_CACHED)(self._parse)
        self._read_cached = lru_cache(_CACHED)(self._read)

    def set_refuse_bot(self, refuse_bot: RefuseBot) -> None:
        """Refuse other bots from now on."""
        self._refuse_bot = refuse_bot
        self._parse_cached.cache_clear()
        self._read_cached.cache_clear()

    def read(self, user_agent: bytes, platform: bytes, model: bytes, mobile: bytes) -> Reading:
        """Read User-Agent, Sec-CH-UA-Platform, -Model and -Mobile: the headers as they came, empty where absent."""
        model = model if len(model) <= _LONGEST_MODEL else b""
        platform = platform if platform in _PLATFORMS else b""
        return self._read_cached(user_agent[:_LONGEST], platform, model, mobile if mobile in _MOBILE else b"")

    def _read(self, user_agent: bytes, platform: bytes, model: bytes, mobile: bytes) -> Reading:
        reading = self._parse_cached(user_agent)
        if not platform and not model and not mobile:
            return reading
        client = reading.client
        os, device = _PLATFORMS.get(platform, client.os), _read_model(model) or client.device
        device_type = find_device_type(os, device, user_agent.decode("utf-8", "replace"), _MOBILE.get(mobile))
        return Reading(Client(os, client.browser, device, device_type), reading.refusal)

    def _parse(self, user_agent: bytes) -> Reading:
        text = user_agent.decode("utf-8", "replace")
        browsers, systems, devices = _load_extractors()
        browser = _family(browsers.extract(text))
        device = _family(devices.extract(text))
        if device in _NO_DEVICE:
            device = OTHER
        os = _family(systems.extract(text))
        os = _SYSTEMS.get(os, os)
        client = Client(os, browser, device, find_device_type(os, device, text, None))
        return Reading(client, self._refuse_bot(text, browser, device))


@cache
def _load_extractors() -> "tuple[UserAgentExtractor, OSExtractor, DeviceExtractor]":
    """Of browsers, systems and devices. The first visit loads them, in about 0.2 s: an idle server needs 26 MB less."""
    from ua_parser import load_lazy_builtins
    from ua_parser_rs import DeviceExtractor, OSExtractor, UserAgentExtractor

    browsers, systems, devices = load_lazy_builtins()
    fields = attrgetter("regex", "family", "major", "minor", "patch", "patch_minor")
    return (
        UserAgentExtractor(map(fields, browsers)),
        OSExtractor(map(fields, systems)),
        DeviceExtractor(map(attrgetter("regex", "regex_flag", "family", "brand", "model"), devices)),
    )


class _Match(Protocol):
    family: str


def _family(match: _Match | None) -> str:
    return (match.family if match else "") or OTHER


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
