"""Bots are refused: by their families, by the strict list, and never where `bot_allow` has them."""

import pytest

from prisme.base import refusal
from prisme.base.events import Client
from prisme.visit.bots import BotFilter, Bots
from prisme.visit.useragent import UserAgents
from tests.visit.useragents import FAMILY_BOTS, LISTED_BOTS


@pytest.fixture(scope="module")
def strict() -> UserAgents:
    return UserAgents(Bots("strict", ()).refuse)


@pytest.fixture(scope="module")
def basic() -> UserAgents:
    return UserAgents(Bots("basic", ()).refuse)


@pytest.fixture(scope="module")
def off() -> UserAgents:
    return UserAgents(Bots("off", ()).refuse)


def test_a_bot_gets_the_refusal_of_bots(strict: UserAgents, off: UserAgents) -> None:
    assert strict.read(b"Googlebot/2.1", b"", b"", b"").refusal is refusal.BOT
    assert off.read(b"Googlebot/2.1", b"", b"", b"").refusal is None


@pytest.mark.parametrize("ua", FAMILY_BOTS)
def test_bots_by_family(strict: UserAgents, basic: UserAgents, off: UserAgents, ua: str) -> None:
    assert strict.read(ua.encode(), b"", b"", b"").is_bot
    assert basic.read(ua.encode(), b"", b"", b"").is_bot
    assert not off.read(ua.encode(), b"", b"", b"").is_bot


@pytest.mark.parametrize("ua", LISTED_BOTS)
def test_bots_by_the_list(strict: UserAgents, basic: UserAgents, off: UserAgents, ua: str) -> None:
    assert strict.read(ua.encode(), b"", b"", b"").is_bot
    assert not basic.read(ua.encode(), b"", b"", b"").is_bot
    assert not off.read(ua.encode(), b"", b"", b"").is_bot


@pytest.mark.parametrize("ua", [b"", b"   "], ids=["absent", "blank"])
def test_no_user_agent_is_a_bot_unless_off(strict: UserAgents, basic: UserAgents, off: UserAgents, ua: bytes) -> None:
    assert strict.read(ua, b"", b"", b"").is_bot
    assert basic.read(ua, b"", b"", b"").is_bot
    assert not off.read(ua, b"", b"", b"").is_bot
    assert off.read(ua, b"", b"", b"").client == Client(os="Other", browser="Other", device="Other", type="other")


@pytest.mark.parametrize("bot_filter", ["strict", "basic"])
@pytest.mark.parametrize(
    ("ua", "is_bot"),
    [
        ("okhttp/5.1.0", False),
        ("MyApp/2.0 okhttp/5.1.0 bot", False),
        ("myshop-FETCHER/3 (+http://example.com/bot)", False),
        ("Googlebot/2.1", True),
        ("", False),
    ],
    ids=["first pattern", "within", "second pattern, any case", "no pattern", "empty"],
)
def test_allowed_ones_always_pass(bot_filter: BotFilter, ua: str, is_bot: bool) -> None:
    allowing = UserAgents(Bots(bot_filter, ["okhttp/", r"^myshop-\w+/\d", "^$"]).refuse)
    assert allowing.read(ua.encode(), b"", b"", b"").is_bot is is_bot


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(ValueError, match=r"bot_allow: 'okhttp\(' is not a regular expression"):
        UserAgents(Bots("strict", ["fine", "okhttp("]).refuse)
