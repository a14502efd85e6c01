"""The cookies that pages use, and how they are read and set."""

from typing import Final

from prisme.access import keys
from prisme.access.accounts import LOGIN_SECONDS
from prisme.access.browsers import KNOWN_SECONDS
from prisme.web.responses import Header

LOGIN_COOKIE: Final = "prisme_login"
# Followed by a hash of an account's name: a browser may have logged in to several.
KNOWN_COOKIE: Final = "prisme_known_"
# Followed by a share link's id: a browser may have opened several.
UNLOCKED_COOKIE: Final = "prisme_unlocked_"
# The browser's time zone, which the dashboard's script sets.
ZONE_COOKIE: Final = "prisme_tz"


def parse_cookies(text: str) -> dict[str, str]:
    """The cookies of Prisme in a `Cookie` header."""
    cookies: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name in (LOGIN_COOKIE, ZONE_COOKIE) or name.startswith((UNLOCKED_COOKIE, KNOWN_COOKIE)):
            cookies[name] = value
    return cookies


def known_cookie(account: str) -> str:
    """The name of the cookie that says that a browser has logged in to an account: it is sent to `/login` alone."""
    return f"{KNOWN_COOKIE}{keys.digest(account).hex()[:16]}"


def make_cookie(name: str, value: str, max_age: int, *, secure: bool, path: str = "/") -> Header:
    """A `Set-Cookie` header that no script and no other site may use. `max_age` in seconds; 0 removes the cookie."""
    cookie = f"{name}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax"
    return b"set-cookie", f"{cookie}; Secure".encode() if secure else cookie.encode()


def login_cookies(account: str, login: str, browser: str, *, secure: bool) -> list[Header]:
    """The cookies of a user who has just logged in: the key of the log-in, and that of the browser."""
    return [
        make_cookie(LOGIN_COOKIE, login, LOGIN_SECONDS, secure=secure),
        make_cookie(known_cookie(account), browser, KNOWN_SECONDS, secure=secure, path="/login"),
    ]
