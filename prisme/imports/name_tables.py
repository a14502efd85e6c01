"""The tables of `names`: simplified names (lower case, a blank for each sign between words) to those that are stored.

They have the names that GoatCounter, Umami, Plausible, Matomo, Google Analytics, Medama and Liwan use, and ua-parser's.
"""

from typing import Final

# As it is stored: what else it is called.
_BROWSERS: Final = {
    "AOL Shield Browser": ("aol",),
    "Amazon Silk": ("silk", "mobile silk"),
    "Android": ("android browser", "android webkit"),
    "BlackBerry WebKit": ("bb10", "blackberry", "blackberry browser"),
    "Baidu Browser": ("baidu", "baidu box app", "baidu spark"),
    "Brave": (),
    "Chrome": ("google chrome", "chrome desktop", "chromium"),
    "Chrome Mobile": ("chrome android", "chrome for android"),
    "Chrome Mobile WebView": ("chromium webview", "chrome webview", "android webview"),
    "Chrome Mobile iOS": ("crios", "chrome ios", "chrome for ios", "chrome mobile ios"),
    "Coc Coc": ("coc coc browser",),
    "DuckDuckGo": ("duckduckgo privacy browser", "duckduckgo browser"),
    "DuckDuckGo Mobile": (),
    "Ecosia iOS": (),
    "Ecosia Android": (),
    "Edge": ("edge chromium", "microsoft edge", "ms edge", "edgehtml", "edge (chromium)"),
    "Edge Mobile": ("edge ios", "edge android", "microsoft edge mobile", "edge webview"),
    "Epiphany": ("gnome web",),
    "Facebook": ("facebook browser", "facebook app"),
    "Falkon": (),
    "Firefox": ("mozilla", "mozilla firefox"),
    "Firefox Mobile": ("firefox android", "firefox for android"),
    "Firefox iOS": ("fxios", "firefox mobile ios", "firefox for ios"),
    "Google": ("google search app", "google app"),
    "HeadlessChrome": ("headless chrome", "chrome headless"),
    "HeyTap Browser": ("heytapbrowser", "oppo browser", "realme browser"),
    "Huawei Browser": ("huawei browser mobile",),
    "IE": ("internet explorer", "msie", "microsoft internet explorer"),
    "IE Mobile": ("internet explorer mobile", "pie", "iemobile"),
    "Instagram": ("instagram app",),
    "KakaoTalk": (),
    "Konqueror": (),
    "LINE": (),
    "Maxthon": (),
    "MiuiBrowser": ("miui", "miui browser", "mi browser"),
    "Mobile Safari": ("ios", "safari mobile"),
    "Mobile Safari UI/WKWebView": ("ios webview", "mobile app", "safari (in app)", "safari in app", "wkwebview"),
    "NetFront": (),
    "Nintendo Browser": ("nintendo",),
    "Nokia Browser": ("nokia",),
    "Oculus Browser": ("meta quest browser",),
    "Opera": ("opera next", "opera developer"),
    "Opera GX": (),
    "Opera Mini": ("opera mini ios",),
    "Opera Mobile": ("opera touch",),
    "Pale Moon": ("palemoon",),
    "PhantomJS": (),
    "Puffin": ("puffin browser", "puffin web browser"),
    "QQ Browser": ("qqbrowser",),
    "QQ Browser Mobile": ("mqqbrowser",),
    "QtWebEngine": ("qtwebengine",),
    "Safari": (),
    "Samsung Internet": ("samsung", "samsung browser", "samsungbrowser", "samsung internet browser"),
    "SeaMonkey": (),
    "Seznam prohlížeč": ("seznam browser", "seznam"),
    "Sogou Explorer": ("sogou",),
    "Telegram": (),
    "Thunderbird": (),
    "TikTok": (),
    "Twitter": (),
    "UC Browser": ("ucbrowser", "uc browser mobile", "uc"),
    "Vivaldi": (),
    "Vivo Browser": ("vivo", "vivobrowser"),
    "Waterfox": (),
    "WeChat Browser": ("wechat", "weixin"),
    "Whale": ("whale browser", "naver whale"),
    "Yandex Browser": ("yandexbrowser", "yandex", "yandex browser mobile"),
    "webOS Browser": (),
}
_SYSTEMS: Final = {
    "Android": ("android os", "android tv", "amazon os", "fire os", "wear os", "lineage os"),
    "Arch Linux": ("arch",),
    "BSD": ("dragonfly bsd", "dragonfly"),
    "BlackBerry OS": ("blackberry", "blackberry 10"),
    "BlackBerry Tablet OS": ("blackberry tablet",),
    "CentOS": (),
    "Chrome OS": ("chromeos", "chromium os", "cros"),
    "Debian": (),
    "Fedora": (),
    "Firefox OS": ("firefoxos",),
    "FreeBSD": ("free bsd",),
    "Gentoo": (),
    "HarmonyOS": ("harmony os",),
    "KaiOS": ("kai os",),
    "Kubuntu": (),
    "Linux": ("gnu/linux", "linux/unix", "unix", "x11", "linux based"),
    "Linux Mint": ("mint",),
    "Lubuntu": (),
    "Mageia": (),
    "Mandriva": (),
    "NetBSD": ("net bsd",),
    "OpenBSD": ("open bsd",),
    "Other": (),
    "Red Hat": ("redhat", "red hat linux"),
    "SUSE": (),
    "SerenityOS": (),
    "Slackware": (),
    "Solaris": ("sun os", "sunos"),
    "Symbian OS": ("symbian",),
    "Tizen": (),
    "Ubuntu": (),
    "WatchOS": ("watch os",),
    "Web0S": ("webos tv", "web0s"),
    "Windows": (
        "win", "win32", "windows nt", "windows xp", "windows vista", "windows server", "windows me", "windows rt",
        "windows server 2003", "microsoft windows",
    ),
    "Windows Mobile": ("windows ce",),
    "Windows Phone": ("windowsphone", "windows phone os"),
    "iOS": ("ipados", "ipad os", "iphone", "ipad", "ipod", "iphone os", "apple ios"),
    "macOS": ("mac", "mac os", "mac os x", "os x", "osx", "macintosh", "mac osx", "macos x"),
    "openSUSE": (),
    "tvOS": ("apple tv", "apple tvos", "atv os x"),
    "webOS": ("hp webos",),
}  # fmt: skip
_DEVICE_TYPES: Final = {
    "desktop": ("laptop", "computer", "pc", "notebook", "desktops"),
    "mobile": (
        "phone", "smartphone", "mobile phone", "phablet", "feature phone", "cell phone", "mobiles", "mobilephone",
        "mobile device", "portable media player",
    ),
    "tablet": ("tablets",),
    "tv": ("smart tv", "smarttv", "television", "connected tv"),
    "console": ("game console", "gaming console", "games console"),
}  # fmt: skip


def _turn(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Stored names by each of the other names, and by themselves."""
    turned = {name.casefold(): name for name in table}
    return {other: name for name, others in table.items() for other in others} | turned


BROWSERS: Final = _turn(_BROWSERS)
SYSTEMS: Final = _turn(_SYSTEMS)
DEVICE_TYPES: Final = _turn(_DEVICE_TYPES)

# What a browser is called on a system, where others have one name for it everywhere.
BROWSERS_OF_SYSTEMS: Final = {
    ("Android", "Chrome"): "Chrome Mobile",
    ("Android", "Edge"): "Edge Mobile",
    ("Android", "Firefox"): "Firefox Mobile",
    ("Android", "Opera"): "Opera Mobile",
    ("Android", "Safari"): "Android",
    ("iOS", "Chrome"): "Chrome Mobile iOS",
    ("iOS", "Chrome Mobile"): "Chrome Mobile iOS",
    ("iOS", "Edge"): "Edge Mobile",
    ("iOS", "Firefox"): "Firefox iOS",
    ("iOS", "Firefox Mobile"): "Firefox iOS",
    ("iOS", "Safari"): "Mobile Safari",
    ("macOS", "Mobile Safari"): "Safari",
}

# Codes that are used and are not ISO's.
OTHER_CODES: Final = {"UK": "GB", "EL": "GR"}
# Names that ISO does not have.
COUNTRIES: Final = {
    "BN": ("Brunei",), "BO": ("Bolivia",), "BQ": ("Caribbean Netherlands",), "CC": ("Cocos Islands",),
    "CD": ("DR Congo", "Democratic Republic of the Congo", "Congo (DRC)", "Congo - Kinshasa", "Congo-Kinshasa"),
    "CG": ("Republic of the Congo", "Congo - Brazzaville", "Congo-Brazzaville"), "CI": ("Ivory Coast",),
    "CV": ("Cape Verde",), "CZ": ("Czech Republic", "Czechia"), "FK": ("Falkland Islands",), "FM": ("Micronesia",),
    "GB": ("Britain", "Great Britain", "United Kingdom", "UK"), "HK": ("Hong Kong SAR China",), "IR": ("Iran",),
    "KP": ("North Korea",), "KR": ("South Korea", "Korea"), "LA": ("Laos",), "MD": ("Moldova",),
    "MF": ("Saint Martin",), "MK": ("Macedonia", "North Macedonia"), "MM": ("Burma", "Myanmar (Burma)"),
    "MO": ("Macau", "Macao SAR China"), "NL": ("Netherlands", "Holland"),
    "PS": ("Palestine", "Palestinian Territories"), "RU": ("Russia",),
    "SH": ("Saint Helena",), "SX": ("Sint Maarten",), "SY": ("Syria",), "SZ": ("Swaziland",),
    "TL": ("East Timor",), "TR": ("Turkey", "Türkiye"), "TW": ("Taiwan",), "TZ": ("Tanzania",),
    "US": ("United States", "USA", "America"), "VA": ("Vatican City", "Vatican"), "VE": ("Venezuela",),
    "VG": ("British Virgin Islands",), "VI": ("US Virgin Islands", "U.S. Virgin Islands"), "VN": ("Vietnam",),
    "XK": ("Kosovo",),
}  # fmt: skip
# Regions by ISO 3166-2, of those countries whose regions are counted by default: GoatCounter's default is the US.
REGIONS: Final = {
    "US-AK": "Alaska", "US-AL": "Alabama", "US-AR": "Arkansas", "US-AZ": "Arizona", "US-CA": "California",
    "US-CO": "Colorado", "US-CT": "Connecticut", "US-DC": "District of Columbia", "US-DE": "Delaware",
    "US-FL": "Florida", "US-GA": "Georgia", "US-HI": "Hawaii", "US-IA": "Iowa", "US-ID": "Idaho",
    "US-IL": "Illinois", "US-IN": "Indiana", "US-KS": "Kansas", "US-KY": "Kentucky", "US-LA": "Louisiana",
    "US-MA": "Massachusetts", "US-MD": "Maryland", "US-ME": "Maine", "US-MI": "Michigan", "US-MN": "Minnesota",
    "US-MO": "Missouri", "US-MS": "Mississippi", "US-MT": "Montana", "US-NC": "North Carolina",
    "US-ND": "North Dakota", "US-NE": "Nebraska", "US-NH": "New Hampshire", "US-NJ": "New Jersey",
    "US-NM": "New Mexico", "US-NV": "Nevada", "US-NY": "New York", "US-OH": "Ohio", "US-OK": "Oklahoma",
    "US-OR": "Oregon", "US-PA": "Pennsylvania", "US-RI": "Rhode Island", "US-SC": "South Carolina",
    "US-SD": "South Dakota", "US-TN": "Tennessee", "US-TX": "Texas", "US-UT": "Utah", "US-VA": "Virginia",
    "US-VT": "Vermont", "US-WA": "Washington", "US-WI": "Wisconsin", "US-WV": "West Virginia", "US-WY": "Wyoming",
    "CA-AB": "Alberta", "CA-BC": "British Columbia", "CA-MB": "Manitoba", "CA-NB": "New Brunswick",
    "CA-NL": "Newfoundland and Labrador", "CA-NS": "Nova Scotia", "CA-NT": "Northwest Territories",
    "CA-NU": "Nunavut", "CA-ON": "Ontario", "CA-PE": "Prince Edward Island", "CA-QC": "Quebec",
    "CA-SK": "Saskatchewan", "CA-YT": "Yukon",
}  # fmt: skip
