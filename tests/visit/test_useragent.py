"""Names of browsers, systems and devices; bots by their families and by the strict list; client hints."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.assets import BOT_PATTERNS
from prisme.base.events import Client
from prisme.visit.useragent import BotFilter, BotPatterns, UserAgents

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
REDUCED = "Mozilla/5.0 (Linux; Android 10; K)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X)"
CHROME = "Chrome/143.0.0.0 Safari/537.36"
CHROME_MOBILE = "Chrome/143.0.0.0 Mobile Safari/537.36"
CHROME_ON_MAC = f"{MAC} {WEBKIT} {CHROME}"
CHROME_ON_ANDROID = f"{REDUCED} {WEBKIT} {CHROME_MOBILE}"

# User-Agent, system, browser, device, type of device
BROWSERS = [
    (f"{WINDOWS} {WEBKIT} {CHROME}", "Windows", "Chrome", "Other", "desktop"),
    (f"{WINDOWS} {WEBKIT} {CHROME} Edg/143.0.0.0", "Windows", "Edge", "Other", "desktop"),
    (f"{WINDOWS} {WEBKIT} Chrome/142.0.0.0 Safari/537.36 OPR/126.0.0.0", "Windows", "Opera", "Other", "desktop"),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Windows",
        "Firefox",
        "Other",
        "desktop",
    ),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "Windows", "IE", "Other", "desktop"),
    (CHROME_ON_MAC, "macOS", "Chrome", "Mac", "desktop"),
    (f"{MAC} {APPLE} Version/18.5 Safari/605.1.15", "macOS", "Safari", "Mac", "desktop"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
        "macOS",
        "Firefox",
        "Mac",
        "desktop",
    ),
    (f"{LINUX} {WEBKIT} {CHROME}", "Linux", "Chrome", "Other", "desktop"),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Ubuntu",
        "Firefox",
        "Other",
        "desktop",
    ),
    (
        "Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Fedora",
        "Firefox",
        "Other",
        "desktop",
    ),
    (
        "Mozilla/5.0 (X11; FreeBSD amd64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "FreeBSD",
        "Firefox",
        "Other",
        "desktop",
    ),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} {CHROME}", "Chrome OS", "Chrome", "Other", "desktop"),
    (f"{LINUX} {WEBKIT} {CHROME} Vivaldi/7.6.3797.63", "Linux", "Vivaldi", "Other", "desktop"),
    (CHROME_ON_ANDROID, "Android", "Chrome Mobile", "Other", "mobile"),
    (f"{REDUCED} {WEBKIT} {CHROME}", "Android", "Chrome", "Other", "tablet"),
    (
        f"{REDUCED} {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0",
        "Android",
        "Edge Mobile",
        "Other",
        "mobile",
    ),
    (
        f"{REDUCED} {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36 OPR/93.0.0.0",
        "Android",
        "Opera Mobile",
        "Other",
        "mobile",
    ),
    (
        f"{REDUCED} {WEBKIT} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
        "Android",
        "Samsung Internet",
        "Other",
        "mobile",
    ),
    (
        "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
        "Android",
        "Firefox Mobile",
        "Generic Smartphone",
        "mobile",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 15; Pixel 8) {WEBKIT} {CHROME_MOBILE}",
        "Android",
        "Chrome Mobile",
        "Pixel 8",
        "mobile",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} {CHROME_MOBILE}",
        "Android",
        "Chrome Mobile",
        "Samsung SM-S918B",
        "mobile",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) {WEBKIT} {CHROME_MOBILE}",
        "Android",
        "Chrome Mobile",
        "NOTE 20",
        "mobile",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 13; Redmi Note 12; wv) {WEBKIT} Version/4.0 {CHROME_MOBILE}",
        "Android",
        "Chrome Mobile WebView",
        "XiaoMi Redmi Note 12",
        "mobile",
    ),
    (f"{IPHONE} {APPLE} Version/18.5 Mobile/15E148 Safari/604.1", "iOS", "Mobile Safari", "iPhone", "mobile"),
    (
        f"{IPHONE} {APPLE} CriOS/143.0.7499.92 Mobile/15E148 Safari/604.1",
        "iOS",
        "Chrome Mobile iOS",
        "iPhone",
        "mobile",
    ),
    (f"{IPHONE} {APPLE} FxiOS/145.0 Mobile/15E148 Safari/605.1.15", "iOS", "Firefox iOS", "iPhone", "mobile"),
    (f"{IPHONE} {APPLE} GSA/398.0.839183710 Mobile/15E148 Safari/604.1", "iOS", "Google", "iPhone", "mobile"),
    (
        f"{IPHONE} {APPLE} Version/18.5 EdgiOS/143.0.3650.75 Mobile/15E148 Safari/604.1",
        "iOS",
        "Edge Mobile",
        "iPhone",
        "mobile",
    ),
    (
        f"{IPHONE} {APPLE} Mobile/22F76 Instagram 392.0.0.22.84 (iPhone15,2; iOS 18_5; en_GB)",
        "iOS",
        "Instagram",
        "iPhone",
        "mobile",
    ),
    (f"{IPHONE} {APPLE} Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", "iOS", "DuckDuckGo Mobile", "iPhone", "mobile"),
    (f"{IPAD} {APPLE} Version/17.6 Mobile/15E148 Safari/604.1", "iOS", "Mobile Safari", "iPad", "tablet"),
    (
        f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {WEBKIT} Version/7.0 TV Safari/537.36",
        "Tizen",
        "Safari",
        "Samsung SMART-TV",
        "tv",
    ),
    (
        f"Mozilla/5.0 (PlayStation 5 5.10) {APPLE} Version/15.4 Safari/605.1.15",
        "Other",
        "Safari",
        "PlayStation 5",
        "console",
    ),
    (
        f"Mozilla/5.0 (Linux; U; Android 14; en-US; CPH2557) {WEBKIT} Version/4.0 UCBrowser/15.0 {CHROME_MOBILE}",
        "Android",
        "Chrome Mobile WebView",
        "Oppo CPH2557",
        "mobile",
    ),
    (f"{WINDOWS} {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Whale/4.34.340.19", "Windows", "Whale", "Other", "desktop"),
    (
        f"{WINDOWS} {WEBKIT} Chrome/142.0.0.0 YaBrowser/25.10.0.0 Safari/537.36",
        "Windows",
        "Yandex Browser",
        "Other",
        "desktop",
    ),
    (f"Mozilla/5.0 (X11; Linux aarch64) {WEBKIT} {CHROME}", "Linux", "Chrome", "Other", "desktop"),
    (
        f"Mozilla/5.0 (Linux; Android 12; KFTRWI) {WEBKIT} Silk/130.4.1 like Chrome/130.0.6723.102 Safari/537.36",
        "Android",
        "Amazon Silk",
        "Kindle",
        "tablet",
    ),
    (
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/120.0.6099.270 Safari/537.36 WebAppManager",
        "Web0S",
        "Chrome",
        "LG Web0S SmartTV",
        "tv",
    ),
    (
        f"{WINDOWS} {WEBKIT} Code/1.115.0 Chrome/142.0.7444.265 Electron/39.8.5 Safari/537.36",
        "Windows",
        "Electron",
        "Other",
        "desktop",
    ),
    (f"{MAC} {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Slack/4.46.101", "macOS", "Chrome", "Mac", "desktop"),
    (
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1/28.3692; U; en) Presto/2.8.119 Version/11.10",
        "Other",
        "Opera Mini",
        "Generic Feature Phone",
        "mobile",
    ),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", "Windows", "IE", "Other", "desktop"),
    (
        "Mozilla/5.0 (X11; OpenBSD amd64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "OpenBSD",
        "Firefox",
        "Other",
        "desktop",
    ),
]

# Found by ua-parser's families already.
FAMILY_BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{REDUCED} {WEBKIT} {CHROME_MOBILE} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Googlebot-Image/1.0",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    f"Mozilla/5.0 {WEBKIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    f"Mozilla/5.0 {WEBKIT}; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)",
    f"{MAC} {APPLE} Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; MJ12bot/v2.0.2; http://mj12bot.com/)",
    "Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot; help@moz.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "TelegramBot (like TwitterBot)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "ia_archiver (+http://www.alexa.com/site/help/webmasters; crawler@alexa.com)",
    f"{LINUX} {WEBKIT} Headless{CHROME}",
    "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    "Scrapy/2.11.1 (+https://scrapy.org)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) daum/4.1",
    "Java/21.0.2",
    "WordPress/6.8; https://blog.example.com",
    "WhatsApp/2.23.20.0",
    f"{WINDOWS} {WEBKIT} Chrome/120.0.0.0 Safari/537.36 PTST/250801",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "Nutch-1.20",
]

# Found by the strict list only.
LISTED_BOTS = [
    "curl/8.14.1",
    "Wget/1.25.0",
    "python-requests/2.32.4",
    "Python/3.13 aiohttp/3.12.15",
    "python-httpx/0.28.1",
    "okhttp/5.1.0",
    "Deno/2.4.0",
    "node",
    "axios/1.11.0",
    "undici",
    "Go-http-client/2.0",
    "Apache-HttpClient/4.5.14 (Java/17.0.9)",
    "libwww-perl/6.77",
    "PostmanRuntime/7.44.1",
    "insomnia/11.4.0",
    "GuzzleHttp/7",
    "Faraday v2.13.1",
    "Ruby",
    "reqwest/0.12.22",
    "HTTPie/3.2.4",
    "Prometheus/3.5.0",
    "Blackbox Exporter/0.27.0",
    "W3C_Validator/1.3 http://validator.w3.org/services",
    f"{LINUX} {WEBKIT} {CHROME} Chrome-Lighthouse",
    f"{MAC} {WEBKIT} Chrome/119.0.0.0 Safari/537.36 Playwright/1.55",
    f"{LINUX} {WEBKIT} PhantomJS/2.1.1 Safari/538.1",
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible)",
    "Mozilla/5.0 (compatible;)",
    "Mozilla/5.0 (some-thing_1.x 2.0)",
    "Mozilla/4.0",
    "-",
    "Chrome",
    "test",
    "1",
    "<script>alert(1)</script>",
    "() { :; }; echo",
    "a|b",
    "x" * 50,
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 2 subscribers)",
    "FreshRSS/1.26.3 (Linux; https://freshrss.org)",
    "Tiny Tiny RSS/25.01 (https://tt-rss.org/)",
    "claude-code/1.0.62",
    "ClamAV/1.4.3 (OS: Linux, ARCH: x86_64, CPU: x86_64)",
    "DDG_Android/5.240.0 (com.duckduckgo.mobile.android; Android API 35)",
    "Dispatch/0.11.1-SNAPSHOT",
    "remove.bg/1.0",
    "ZDM/4.0; Windows Mobile 8.1",
    "Mozilla/5.0 (compatible; Mail.RU/1.0)",
]


# Neither here nor there: what the two engines might see differently.
ODD = [
    "",
    " ",
    "Cubot",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X18) bots_",
    "libhttp camscan newssapphire channel/google googleapp java;",
    "library",
    "GoogleWV google/google google pixel 9",
    "Mozilla/5.0 (x; news) GNEWS anews gnews",
    "robots",
    "ROBOTS.",
    "sear\u017fch spide\u0280 \u212a\u017fpider",
    "r\u00e9sum\u00e9",
    "Caf\u00e9/1.0",
    "\u30c6\u30b9\u30c8/1.0",
    "x" * 49,
    "\u00e9" * 50,
    "a\tb",
    "Foo/1.2.3,",
    "Foo/1.2.3 (x; y)",
    "Foo/1.2 (a@b)",
    "Mozilla/5.0 (compatible; foo.bar/1.0)",
    "Mozilla/5.0 (compatible; foo-bar 1.0)",
    "Mozilla/5.0 (compatible; foo+bar/1.0)",
    "Mozilla/5.0 foo.bar-baz",
    "Mozilla/5.0 foo bar",
    "; a;",
    "; ab;",
    "24x7",
    "download.example.com",
    "torrents and tools",
]


@pytest.fixture(scope="module")
def strict() -> UserAgents:
    return UserAgents("strict", ())


@pytest.fixture(scope="module")
def basic() -> UserAgents:
    return UserAgents("basic", ())


@pytest.fixture(scope="module")
def off() -> UserAgents:
    return UserAgents("off", ())


@pytest.mark.parametrize(("ua", "os", "browser", "device", "kind"), BROWSERS)
def test_browsers(strict: UserAgents, ua: str, os: str, browser: str, device: str, kind: str) -> None:
    reading = strict.read(ua.encode(), b"", b"", b"")
    assert reading.client == Client(os=os, browser=browser, device=device, type=kind)
    assert not reading.is_bot


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
    allowing = UserAgents(bot_filter, ["okhttp/", r"^myshop-\w+/\d", "^$"])
    assert allowing.read(ua.encode(), b"", b"", b"").is_bot is is_bot


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(ValueError, match=r"bot_allow: 'okhttp\(' is no regular expression"):
        UserAgents("strict", ["fine", "okhttp("])


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


# The list as JavaScript reads it, for `re`: one class written otherwise, and one look-behind in two.
PATTERNS: list[str] = json.loads(BOT_PATTERNS.read_text())
REFERENCE = [
    re.compile(
        pattern.replace(r"[\w\d-.]", r"[\w.-]").replace("(?<! channel/|google/)", "(?<! channel/)(?<!google/)"),
        re.ASCII | re.IGNORECASE,
    )
    for pattern in PATTERNS
]
FAST = BotPatterns(PATTERNS)
EVERY = [ua for ua, *_ in BROWSERS] + FAMILY_BOTS + LISTED_BOTS + ODD


def by_the_list(ua: str) -> bool:
    return any(pattern.search(ua) for pattern in REFERENCE)


@pytest.mark.parametrize("ua", EVERY)
def test_the_fast_verdict_is_that_of_re(ua: str) -> None:
    assert FAST.match(ua) == by_the_list(ua)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_at_work(pattern: str) -> None:
    """Each alone finds the same as in `re`, so that none hides behind the others."""
    fast, reference = BotPatterns([pattern]), REFERENCE[PATTERNS.index(pattern)]
    found = [ua for ua in [*EVERY, *WORDS] if reference.search(ua)]
    assert [ua for ua in [*EVERY, *WORDS] if fast.match(ua)] == found
    assert found


# The patterns' own words, without their signs: " daum", "deusu/", "cu", "bots", "channel/", "google/" ...
WORDS = sorted({word for pattern in PATTERNS for word in re.findall(r"[\w ./;@-]+", re.sub(r"\\[bwdsS]", "", pattern))})
SIGNS = [*" ;/()_-.,:@|<?+%0123456789\u00e9\u212a\u017f\u2003", "Mozilla/5.0 ", "compatible;", " Build/"]
MIXTURES = st.lists(st.sampled_from([*WORDS, *map(str.upper, WORDS), *SIGNS]), max_size=8).map("".join)


@settings(max_examples=500, deadline=None)
@given(MIXTURES)
def test_the_fast_verdict_is_that_of_re_for_mixtures(ua: str) -> None:
    assert FAST.match(ua) == by_the_list(ua)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([" ".join(EVERY[i : i + 2]) for i in range(len(EVERY))]), min_size=1, max_size=2),
    st.data(),
)
def test_the_fast_verdict_is_that_of_re_for_cuttings(uas: list[str], data: st.DataObject) -> None:
    ua = " ".join(uas)
    start = data.draw(st.integers(0, len(ua)))
    cutting = ua[start : data.draw(st.integers(start, len(ua)))]
    assert FAST.match(cutting) == by_the_list(cutting)
