"""Who is asking: by token, share link or log-in; and whether it was their own page that asked."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from prisme.access import keys
from prisme.access.accounts import Accounts
from prisme.access.grants import ADMIN, Grant
from prisme.access.shares import SHARE, Share, Shares
from prisme.access.tokens import Tokens
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import parse
from prisme.web.request import MAX_QUERY, Request

LOGIN: Final = "prisme_login"
# With a share link's id behind it: a browser may have opened several.
UNLOCKED: Final = "prisme_unlocked_"
# The time zone of the browser, by its own word.
ZONE: Final = "prisme_tz"
_MOST_FIELDS: Final = 100
_BEARER: Final = "bearer "


class Asking(msgspec.Struct, frozen=True):
    """What a request says of itself: its headers, the last of each, its cookies and its query's parameters."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    query: Mapping[str, str]


def read_asking(request: Request) -> Asking | Refusal:
    """Read a request; parameters that come twice, are too many or no UTF-8 are refused."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    # HTTP/2 may split the cookies.
    cookie = "; ".join(value.decode("latin-1") for name, value in request.headers if name == b"cookie")
    query = read_fields(request.query, MAX_QUERY)
    if isinstance(query, Refusal):
        return query
    return Asking(headers, _read_cookies(cookie), query)


def read_fields(text: bytes, longest: int) -> dict[str, str] | Refusal:
    """The fields of a form or a query."""
    if len(text) > longest:
        return refusal.QUERY_TOO_LONG
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return refusal.QUESTION_INVALID.with_reason("parameters are UTF-8, and at most 100, such as from=now-7d")
    ((name, count),) = Counter(name for name, _ in pairs).most_common(1) or [("", 0)]
    if count > 1:
        return refusal.QUESTION_INVALID.with_reason(
            f"{name[:64]!r}: comes twice; write a list with commas, such as path=/a,/b"
        )
    return dict(pairs)


class Guard:
    """Knows who may do what. It reads files: not for the event loop."""

    def __init__(self, accounts: Accounts, tokens: Tokens, shares: Shares, clock: Callable[[], int]) -> None:
        self.accounts = accounts
        self.tokens = tokens
        self.shares = shares
        self.clock = clock  # Unix seconds

    def identify(self, asking: Asking) -> Grant | Refusal:
        """Who is asking. What is named in the request itself counts alone: a wrong token is no log-in."""
        authorization = asking.headers.get("authorization", "")
        if authorization:
            return self._find_bearer(authorization)
        if asking.query.get(SHARE):
            return self._find_share(asking)
        key = asking.cookies.get(LOGIN)
        account = self.accounts.find_login(key, self.clock()) if key else None
        return refusal.NOT_LOGGED_IN if account is None else account.grant

    def identify_admin(self, asking: Asking) -> Grant | Refusal:
        """Who is asking, where it is an admin."""
        grant = self.identify(asking)
        return grant if isinstance(grant, Refusal) or ADMIN in grant.scopes else refusal.NOT_ALLOWED

    def find_share(self, asking: Asking) -> Share | None:
        """The share link that a request names, locked or not."""
        return self.shares.find(asking.query.get(SHARE, ""), self.clock())

    def _find_bearer(self, authorization: str) -> Grant | Refusal:
        key = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
        if key.startswith(keys.SHARE_PREFIX):
            share = self.shares.find(key, self.clock())
            if share is not None:
                return refusal.SHARE_LOCKED if share.locked else share.grant
        return self.tokens.find(key, self.clock()) or refusal.KEY_UNKNOWN

    def _find_share(self, asking: Asking) -> Grant | Refusal:
        share = self.find_share(asking)
        if share is None:
            return refusal.KEY_UNKNOWN
        key = asking.cookies.get(f"{UNLOCKED}{share.id}", "")
        if share.locked and not self.shares.is_unlocked(share, key, self.clock()):
            return refusal.SHARE_LOCKED
        return share.grant


def is_own_page(asking: Asking) -> bool:
    """Whether a request that changes something comes from a page of this server, or from no page at all.

    By Fetch metadata where the browser sends it, else by `Origin` against `Host`
    (https://words.filippo.io/csrf/ compares the ways).
    """
    site = asking.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = asking.headers.get("origin")
    if origin is None:
        return True
    page = parse(origin.encode("latin-1"))
    # HTTP/2 has no Host header but an authority, which Granian puts there.
    here = parse(b"http://" + asking.headers.get("host", "").encode("latin-1"))
    return page is not None and here is not None and page.domain == here.domain


def is_secure(request: Request, asking: Asking) -> bool:
    """Whether the browser came by TLS: to us, to a trusted proxy, or as it says itself of its page."""
    told = asking.headers.get("x-forwarded-proto", "") if request.has_trusted_headers else ""
    return "https" in {request.scheme, told.strip().lower()} or asking.headers.get("origin", "").startswith("https:")


def write_cookie(name: str, value: str, seconds: int, secure: bool) -> tuple[bytes, bytes]:
    """A `Set-Cookie` that no script and no other site may use; 0 seconds removes it."""
    cookie = f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return b"set-cookie", f"{cookie}; Secure".encode() if secure else cookie.encode()


def _read_cookies(text: str) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name in (LOGIN, ZONE) or name.startswith(UNLOCKED):
            cookies[name] = value
    return cookies
