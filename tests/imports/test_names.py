"""Names of other programs, as Prisme stores them."""

import pytest

from prisme.base.events import Client
from prisme.imports import names
from prisme.visit.useragent import UserAgents

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_IOS = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPHONE = _IOS.format("iPhone; CPU iPhone OS 17_5 like Mac OS X")
# A User-Agent, and what other programs call its browser, its system, and its type of device.
CLIENTS = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36",
     "Chrome 126", "Windows 10", ""),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
     "edge-chromium", "Windows 10", "laptop"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36 OPR/111.0.0.0",
     "Opera 111", "Windows", "desktop"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/17.4.1 Safari/605.1.15",
     "Safari 17.4", "Mac OS", "laptop"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140", "Linux ", ""),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36",
     "chrome", "Chrome OS", "desktop"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
     "Chrome 126", "Android 10", ""),
    (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36",
     "Google Chrome", "Android OS", "tablet"),
    (f"{_IPHONE} CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1", "crios", "iOS", "mobile"),
    (f"{_IPHONE} CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1", "Chrome", "iOS 17.5", "phone"),
    (f"{_IPHONE} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "fxios", "iOS", "mobile"),
    (f"{_IPHONE} Version/17.0 EdgiOS/126.0 Mobile/15E148 Safari/604.1", "edge-ios", "iOS", "mobile"),
    (f"{_IPHONE} Version/17.4.1 Mobile/15E148 Safari/604.1", "Safari 17.4", "iOS 17.5", ""),
    (f"{_IPHONE} Mobile/15E148", "ios-webview", "iOS", "mobile"),
    (f"{_IOS.format('iPad; CPU OS 17_5 like Mac OS X')} Version/17.4.1 Mobile/15E148 Safari/604.1",
     "Mobile Safari", "iPadOS", "tablet"),
]  # fmt: skip


@pytest.mark.parametrize(("user_agent", "browser", "system", "device"), CLIENTS)
def test_a_client_is_as_its_user_agent_would_be(user_agent: str, browser: str, system: str, device: str) -> None:
    read = UserAgents(lambda _user_agent, _browser, _device: None).read(user_agent.encode(), b"", b"", b"")
    assert names.client(browser, system, device) == read.client


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chrome", "Chrome"), ("Chrome 126", "Chrome"), ("Chrome/126.0.1", "Chrome"),
        ("Mobile Safari", "Mobile Safari"),
        ("ios-webview", "Mobile Safari UI/WKWebView"), ("ios", "Mobile Safari"), ("crios", "Chrome Mobile iOS"),
        ("edge-chromium", "Edge"), ("Microsoft Edge", "Edge"), ("Firefox 140", "Firefox"),
        ("yandexbrowser", "Yandex Browser"),
        ("Samsung Browser", "Samsung Internet"), ("samsung", "Samsung Internet"), ("Internet Explorer 11", "IE"),
        ("Chrome Mobile WebView", "Chrome Mobile WebView"), ("Safari (in-app)", "Mobile Safari UI/WKWebView"),
        ("opera-mini", "Opera Mini"), ("silk", "Amazon Silk"), ("", "Other"), ("(not set)", "Other"),
        ("Nobody 3", "Other"),
    ],
)  # fmt: skip
def test_browsers(name: str, expected: str) -> None:
    assert names.browser(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mac OS", "macOS"), ("OS X", "macOS"), ("macOS 10.15", "macOS"), ("Mac OS X 10_15", "macOS"),
        ("Macintosh", "macOS"),
        ("Windows 10", "Windows"), ("Windows XP", "Windows"), ("Windows Server 2003", "Windows"), ("Linux ", "Linux"),
        ("GNU/Linux", "Linux"), ("Android OS", "Android"), ("Android 14", "Android"), ("iOS 17.4", "iOS"),
        ("iPadOS", "iOS"),
        ("ChromeOS", "Chrome OS"), ("Chrome OS", "Chrome OS"), ("Ubuntu", "Ubuntu"), ("Windows Phone", "Windows Phone"),
        ("", "Other"), ("Unknown", "Other"),
    ],
)  # fmt: skip
def test_systems(name: str, expected: str) -> None:
    assert names.system(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("laptop", "desktop"), ("Desktop", "desktop"), ("phone", "mobile"), ("smartphone", "mobile"),
        ("Mobile", "mobile"),
        ("phablet", "mobile"), ("tablet", "tablet"), ("Smart TV", "tv"), ("TV", "tv"), ("console", "console"),
        ("Bot", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_device_types(name: str, expected: str) -> None:
    assert names.device_type(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("US", "US"), ("us", "US"), ("US-TX", "US"), ("usa", "US"), ("United States", "US"), ("UK", "GB"), ("XK", "XK"),
        ("France", "FR"), ("Côte d'Ivoire", "CI"), ("Ivory Coast", "CI"), ("Türkiye", "TR"), ("Turkey", "TR"),
        ("The Netherlands", "NL"), ("South Korea", "KR"), ("North Korea", "KP"), ("Vietnam", "VN"), ("Russia", "RU"),
        ("St. Lucia", "LC"), ("Congo - Kinshasa", "CD"), ("Czech Republic", "CZ"), ("Bosnia & Herzegovina", "BA"),
        ("XX", "XX"), ("ZZ", "XX"), ("T1", "XX"), ("", "XX"), ("Unknown", "XX"), ("(not set)", "XX"),
        ("Atlantis", "XX"),
    ],
)  # fmt: skip
def test_countries(name: str, expected: str) -> None:
    assert names.country(name) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("US-TX", "Texas"),
        ("us-ny", "New York"),
        ("CA-QC", "Quebec"),
        ("DE-BE", "DE-BE"),
        ("US", ""),
        ("ZZ-1", ""),
        ("", ""),
    ],
)
def test_regions(code: str, expected: str) -> None:
    assert names.region(code) == expected


@pytest.mark.parametrize(("width", "expected"), [(0, "mobile"), (390, "mobile"), (820, "tablet")])
def test_the_screen_tells_tablets_from_phones(width: int, expected: str) -> None:
    assert names.client("Safari 17", "iOS 17", "", width).type == expected
    assert names.client("Firefox 140", "Linux", "", width).type == "desktop"


@pytest.mark.parametrize("name", ["Ubuntu", "CentOS", "openSUSE", "Arch Linux", "FreeBSD", "Chrome OS", "Linux Mint"])
def test_systems_of_desktops_are_themselves(name: str) -> None:
    assert names.client("Firefox", name) == Client(name, "Firefox", "Other", "desktop")


def test_nothing_known() -> None:
    assert names.client("", "") == Client("Other", "Other", "Other", "other")
