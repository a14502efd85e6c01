"""Which type of device a browser runs on: by its User-Agent, by its client hints, and in an older file's rows."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prisme.store
from prisme.base.events import DEVICE_TYPES
from prisme.visit.bots import Bots
from prisme.visit.device_type import find_device_type
from prisme.visit.useragent import UserAgents
from tests.visit.useragents import BROWSERS, CHROME_ON_ANDROID, CHROME_ON_MAC, IPHONE

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"
SILK = "AppleWebKit/537.36 (KHTML, like Gecko) Silk/108.4.6 like Chrome/108.0.5359.220 Safari/537.36"
OLD_PHONE = "Profile/MIDP-2.1 Configuration/CLDC-1.1"
ANDROID = "Mozilla/5.0 (Linux; Android"

# User-Agent, and the type.
TYPES = [
    pytest.param("Mozilla/5.0 (X11; Linux Mint; Linux x86_64; rv:145.0) Firefox/145.0", "desktop", id="Linux Mint"),
    pytest.param("Mozilla/5.0 (X11; Linux x86_64; openSUSE; rv:145.0) Firefox/145.0", "desktop", id="openSUSE"),
    pytest.param("Mozilla/5.0 (X11; SunOS sun4u; rv:10.0) Gecko/20100101 Firefox/10.0", "desktop", id="Solaris"),
    pytest.param(
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; Tablet PC 2.0)", "desktop", id="Tablet PC"
    ),
    pytest.param(f"{ANDROID} 6.0.1; Nexus 5X) {CHROME} Mobile Safari/537.36", "mobile", id="Nexus 5X"),
    pytest.param("Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5 like Mac OS X) Mobile/15E148", "mobile", id="iPod"),
    pytest.param("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Firefox/48.0 KAIOS/2.5", "mobile", id="KaiOS"),
    pytest.param(
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) Edge/15.15254", "mobile", id="Lumia"
    ),
    pytest.param("Mozilla/5.0 (BB10; Touch) Version/10.3.3.3216 Mobile Safari/537.35+", "mobile", id="BlackBerry 10"),
    pytest.param(f"BlackBerry9700/5.0.0.862 {OLD_PHONE} VendorID/331", "mobile", id="BlackBerry"),
    pytest.param(f"Mozilla/5.0 (SymbianOS/9.4; Series60/5.0 NokiaN97-1/20.0.019; {OLD_PHONE})", "mobile", id="Symbian"),
    pytest.param(
        "Mozilla/5.0 (Linux; Tizen 2.4; SAMSUNG SM-Z130H) SamsungBrowser/1.0 Mobile Safari/537.3", "mobile", id="Tizen"
    ),
    pytest.param(f"{ANDROID} 12; HarmonyOS; ELS-AN00) {CHROME} Mobile Safari/537.36", "mobile", id="HarmonyOS"),
    pytest.param(f"{ANDROID} 14; SM-X710) {CHROME} Safari/537.36", "tablet", id="Galaxy Tab"),
    pytest.param(f"{ANDROID} 13; Lenovo TB-J606F) {CHROME} Safari/537.36", "tablet", id="Lenovo"),
    pytest.param(f"{ANDROID} 14; OnePlus Pad) {CHROME} Mobile Safari/537.36", "tablet", id="a pad"),
    pytest.param(f"{ANDROID} 10; MI PAD 4) {CHROME} Safari/537.36", "tablet", id="MI PAD"),
    pytest.param(f"{ANDROID} 6.0.1; Nexus 7) {CHROME} Safari/537.36", "tablet", id="Nexus 7"),
    pytest.param("Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0", "tablet", id="Firefox"),
    pytest.param(f"{ANDROID} 9; KFMAWI) {SILK}", "tablet", id="Fire"),
    pytest.param("Mozilla/5.0 (PlayBook; U; RIM Tablet OS 2.1.0; en-US) Version/7.2.1.0", "tablet", id="PlayBook"),
    pytest.param("Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) Kindle/3.0+", "tablet", id="Kindle"),
    pytest.param(f"{ANDROID} 9; AFTMM Build/PS7285) {SILK}", "tv", id="Fire TV"),
    pytest.param(f"{ANDROID} 11; AFTKA) {CHROME} Mobile Safari/537.36", "tv", id="Fire TV that says it is a phone"),
    pytest.param("AppleTV11,1/17.5.1", "tv", id="Apple TV"),
    pytest.param(
        f"{ANDROID} 12.0) {CHROME} Safari/537.36 CrKey/1.56.500000 DeviceType/AndroidTV", "tv", id="Chromecast"
    ),
    pytest.param(f"{ANDROID} 9; BRAVIA 4K UR2 Build/PTT1) {CHROME} Safari/537.36", "tv", id="Bravia"),
    pytest.param(f"{ANDROID} 11; SHIELD Android TV Build/RQ1A) {CHROME} Safari/537.36", "tv", id="Shield"),
    pytest.param(f"{ANDROID} 10; MI TV) {CHROME} Safari/537.36", "tv", id="Mi TV"),
    pytest.param("Roku/DVP-14.5 (14.5.4.5934-CB)", "tv", id="Roku"),
    pytest.param("Mozilla/5.0 (Linux; U; HbbTV/1.2.1 (;Panasonic;VIERA 2014;3.672;4101;)) Presto", "tv", id="HbbTV"),
    pytest.param(f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) {CHROME}", "console", id="Xbox"),
    pytest.param(
        "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) NintendoBrowser/5.1.0.22474", "console", id="Switch"
    ),
    pytest.param("Mozilla/5.0 (PlayStation Vita 3.74) AppleWebKit/537.73 Silk/3.2", "console", id="Vita"),
    pytest.param("Mozilla/5.0 (X11; Haiku; rv:100.0) Gecko/20100101 Firefox/100.0", "other", id="a rare system"),
    pytest.param("AppleWatch/5 watchOS/10.1", "other", id="watch"),
]
# The rows of before have no User-Agent: the system and the device say as much, or less.
UNTOLD = {"Xbox", "Fire TV"}


@pytest.fixture(scope="module")
def agents() -> UserAgents:
    return UserAgents(Bots("off", ()).refuse)


@pytest.fixture(scope="module")
def migrated() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the macro `kind(operating_system, device)`: the rule of the migration."""
    script = Path(prisme.store.__file__).parent / "migrations" / "events" / "0002_visits.sql"
    (case,) = re.findall(
        r"(CASE\s+WHEN regexp_matches\(device.*?\bEND) AS device_type\b", script.read_text(), re.DOTALL
    )
    with duckdb.connect() as connection:
        connection.execute(f"CREATE MACRO kind(operating_system, device) AS {case}")
        yield connection


@pytest.mark.parametrize(("ua", "kind"), TYPES)
def test_types(agents: UserAgents, ua: str, kind: str) -> None:
    assert agents.read(ua.encode(), b"", b"", b"").client.type == kind


@pytest.mark.parametrize(
    ("ua", "kind"),
    [param for param in TYPES if param.id not in UNTOLD]
    # A tablet's Chrome says no more than a phone's but for a word of its User-Agent.
    + [(ua, kind) for ua, os, _, device, kind in BROWSERS if (os, device, kind) != ("Android", "Other", "tablet")],
)
def test_older_rows_are_of_the_same_types(
    agents: UserAgents, migrated: duckdb.DuckDBPyConnection, ua: str, kind: str
) -> None:
    client = agents.read(ua.encode(), b"", b"", b"").client
    system = "Mac OS X" if client.os == "macOS" else client.os  # as it was called
    assert migrated.execute("SELECT kind(?, ?)", [system, client.device]).fetchall() == [(kind,)]


@pytest.mark.parametrize(
    ("ua", "platform", "model", "mobile", "kind"),
    [
        pytest.param(CHROME_ON_ANDROID, b'"Android"', b'"Pixel 9"', b"?1", "mobile", id="phone"),
        pytest.param(CHROME_ON_ANDROID, b'"Android"', b'"Pixel Tablet"', b"?0", "tablet", id="tablet by its model"),
        pytest.param(CHROME_ON_ANDROID.replace(" Mobile", ""), b'"Android"', b"", b"?0", "tablet", id="tablet"),
        pytest.param(CHROME_ON_ANDROID.replace(" Mobile", ""), b"", b"", b"?1", "mobile", id="phone by the hint alone"),
        pytest.param(CHROME_ON_MAC, b'"macOS"', b"", b"?0", "desktop", id="desktop"),
        pytest.param(CHROME_ON_MAC, b'"Android"', b"", b"?0", "tablet", id="tablet that asks for desktop pages"),
        pytest.param(CHROME_ON_MAC, b"", b"", b"?1", "mobile", id="phone that asks for desktop pages"),
        pytest.param(CHROME_ON_MAC, b"", b'"PlayStation 5"', b"", "console", id="console by its model"),
        pytest.param(CHROME_ON_MAC, b"", b"", b"", "desktop", id="no hints"),
        pytest.param(CHROME_ON_MAC, b"", b"", b"1", "desktop", id="no boolean"),
        pytest.param(CHROME_ON_MAC, b"", b"", b"?1, ?1", "desktop", id="sent twice"),
        pytest.param(IPHONE, b"", b"", b"?0", "mobile", id="phone that denies it"),
    ],
)
def test_hints_say_the_type(
    agents: UserAgents, ua: str, platform: bytes, model: bytes, mobile: bytes, kind: str
) -> None:
    assert agents.read(ua.encode(), platform, model, mobile).client.type == kind


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=200), st.none() | st.booleans())
def test_there_is_no_other_type(os: str, device: str, ua: str, is_mobile: bool | None) -> None:
    assert find_device_type(os, device, ua, is_mobile) in DEVICE_TYPES
