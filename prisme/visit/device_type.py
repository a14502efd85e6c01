"""Which type of device a client is, one of `DEVICE_TYPES`, by the words of its User-Agent and its device family."""

import re

# Tried in this order.
_CONSOLE = re.compile(r"playstation|xbox|nintendo", re.IGNORECASE)
_TV = re.compile(
    r"smart-?tv|hbbtv|netcast|web0s|appletv|apple ?tv|google ?tv|android ?tv|crkey|chromecast|roku|bravia|viera|"
    r"\baft[a-z]|shield android|\bdtv\b|\btv\b",
    re.IGNORECASE,
)
# On Windows 7, the User-Agent of many desktops contained `Tablet PC 2.0`.
_TABLET = re.compile(
    r"ipad|tablet(?! pc)|kindle|silk(?!.*mobile)|playbook|\btab\b|\bpad\b|nexus (?:7|9|10)", re.IGNORECASE
)
_PHONE = re.compile(
    r"iphone|ipod|windows phone|mobile|blackberry|symbian|nokia|\bmidp|feature phone|smartphone", re.IGNORECASE
)
_TV_SYSTEMS = frozenset({"tvOS", "ATV OS X", "Web0S", "webOS", "GoogleTV", "WebTV", "FireHbbTV", "Roku", "Tizen"})
_DESKTOP_SYSTEMS = frozenset(
    {
        "Windows", "macOS", "Mac OS", "Linux", "Chrome OS", "Ubuntu", "Kubuntu", "Lubuntu", "Debian", "Fedora",
        "Red Hat", "CentOS", "SUSE", "openSUSE", "Mandriva", "Mageia", "Linux Mint", "Arch Linux", "Gentoo",
        "Slackware", "PCLinuxOS", "Puppy", "BackTrack", "Solaris", "SerenityOS",
        "FreeBSD", "OpenBSD", "NetBSD", "BSD",
    }
)  # fmt: skip


def find_device_type(os: str, device: str, user_agent: str, is_mobile: bool | None) -> str:
    """The type of a device; `is_mobile` is its Sec-CH-UA-Mobile header, None where that is absent.

    An iPad whose browser requests desktop pages sends the User-Agent of a Mac, and counts as a desktop.
    """
    words = f"{device} {user_agent}"
    if _CONSOLE.search(words):
        return "console"
    if _TV.search(words) or (os in _TV_SYSTEMS and not _PHONE.search(words)):
        return "tv"
    if _TABLET.search(words):
        return "tablet"
    if os == "Android":
        # Chrome on a phone sends both `Mobile` in its User-Agent and the hint, on a tablet neither.
        return "mobile" if is_mobile or _PHONE.search(user_agent) else "tablet"
    if is_mobile or os == "iOS" or _PHONE.search(words):
        return "mobile"
    return "desktop" if os in _DESKTOP_SYSTEMS else "other"
