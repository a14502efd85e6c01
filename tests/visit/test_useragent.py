"""Names of browsers, systems and devices, by the User-Agent and by client hints."""

import pytest

from prisme.base.events import Client
from prisme.visit.bots import Bots
from prisme.visit.useragent import UserAgents
from tests.visit.useragents import BROWSERS, CHROME, CHROME_ON_ANDROID, CHROME_ON_MAC, WEBKIT


@pytest.fixture(scope="module")
def strict() -> UserAgents:
    return UserAgents(Bots("strict", ()).refuse)


@pytest.mark.parametrize(("ua", "os", "browser", "device", "kind"), BROWSERS)
def test_browsers(strict: UserAgents, ua: str, os: str, browser: str, device: str, kind: str) -> None:
    reading = strict.read(ua.encode(), b"", b"", b"")
    assert reading.client == Client(os=os, browser=browser, device=device, type=kind)
    assert not reading.is_bot


@pytest.mark.parametrize(
    ("hint", "os"),
    [
        (b'"Android"', "Android"),
        (b'"Chrome OS"', "Chrome OS"),
        (b'"Chromium OS"', "Chrome OS"),
        (b'"Linux"', "Linux"),
        (b'"Windows"', "Windows"),
        (b'"iOS"', "iOS"),
        (b'"macOS"', "macOS"),
        (b'"Unknown"', "FreeBSD"),
        (b'"Plan 9"', "FreeBSD"),
        (b'""', "FreeBSD"),
        (b"", "FreeBSD"),
        (b'"\xff"', "FreeBSD"),
    ],
)
def test_the_platform_hint_overrides_the_system(strict: UserAgents, hint: bytes, os: str) -> None:
    ua = f"Mozilla/5.0 (X11; FreeBSD amd64) {WEBKIT} {CHROME}"
    client = strict.read(ua.encode(), hint, b"", b"").client
    assert (client.os, client.browser, client.device) == (os, "Chrome", "Other")


@pytest.mark.parametrize(
    ("hint", "device"),
    [
        (b'"Pixel 8 Pro"', "Pixel 8 Pro"),
        (b"SM-S918B", "SM-S918B"),
        (b'" Pixel 8 "', "Pixel 8"),
        (b'"7\\" \\\\ tablet"', '7" \\ tablet'),
        ('"小米"'.encode(), "小米"),
        (b'"' + b"m" * 126 + b'"', "m" * 126),
        (b'"' + b"m" * 127 + b'"', "Other"),
        (b'""', "Other"),
        (b'"', '"'),
        (b'" "', "Other"),
        (b"", "Other"),
        (b'"K"', "Other"),
        (b'"a\tb"', "Other"),
        (b'"a\x7fb"', "Other"),
        (b'"\xff"', "Other"),
        ('"a\u202eb"'.encode(), "Other"),
    ],
)
def test_the_model_hint_overrides_the_device(strict: UserAgents, hint: bytes, device: str) -> None:
    client = strict.read(CHROME_ON_ANDROID.encode(), b"", hint, b"").client
    kind = "tablet" if "tablet" in device else "mobile"
    assert client == Client(os="Android", browser="Chrome Mobile", device=device, type=kind)


def test_hints_do_not_decide_who_is_a_bot(strict: UserAgents) -> None:
    assert not strict.read(CHROME_ON_MAC.encode(), b'"Linux"', b'"Spider Bot"', b"").is_bot
    assert strict.read(b"Googlebot/2.1", b'"Windows"', b'"Pixel 8"', b"").is_bot


def test_only_the_first_512_bytes_are_read(strict: UserAgents) -> None:
    ua = CHROME_ON_MAC.encode().ljust(512)
    assert not strict.read(ua + b" Googlebot/2.1", b"", b"", b"").is_bot
    assert strict.read(ua[:498] + b" Googlebot/2.1", b"", b"", b"").is_bot


def test_bytes_that_are_no_utf8_are_no_error(strict: UserAgents) -> None:
    reading = strict.read(b"\xff\xfe" + CHROME_ON_MAC.encode() + b"\x80", b"", b"", b"")
    assert reading.client == Client(os="macOS", browser="Chrome", device="Mac", type="desktop")
