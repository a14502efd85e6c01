"""The cookies that pages use, and how they are read and set."""

from typing import Final

from prisme.web.responses import Header

LOGIN_COOKIE: Final = "prisme_login"
# Followed by a share link's id: a browser may have opened several.
UNLOCKED_COOKIE: Final = "prisme_unlocked_"
# The browser's time zone, which the dashboard's script sets.
ZONE_COOKIE: Final = "prisme_tz"


def parse_cookies(text: str) -> dict[str, str]:
    """The cookies of Prisme in a `Cookie` header."""
    cookies: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name in (LOGIN_COOKIE, ZONE_COOKIE) or name.startswith(UNLOCKED_COOKIE):
            cookies[name] = value
    return cookies


def make_cookie(name: str, value: str, max_age: int, *, secure: bool) -> Header:
    """A `Set-Cookie` header that no script and no other site may use. `max_age` in seconds; 0 removes the cookie."""
    cookie = f"{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax"
    return b"set-cookie", f"{cookie}; Secure".encode() if secure else cookie.encode()
