"""Authentication: what the sender of a request may do, by its API token, share link, public page or log-in."""

from collections.abc import Callable
from typing import Final

from prisme.access import keys
from prisme.access.accounts import Accounts
from prisme.access.grants import Grant
from prisme.access.shares import SHARE, Share, Shares
from prisme.access.sharing import PUBLIC, Sharing
from prisme.access.tokens import Tokens
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.cookies import LOGIN_COOKIE, UNLOCKED_COOKIE
from prisme.web.parsed_request import ParsedRequest

_BEARER: Final = "bearer "


class Authenticator:
    """Finds the grant of a request. It reads files, so it must not be called in the event loop."""

    def __init__(
        self, accounts: Accounts, tokens: Tokens, shares: Shares, sharing: Sharing, clock: Callable[[], int]
    ) -> None:
        self.accounts = accounts
        self.tokens = tokens
        self.shares = shares
        self.sharing = sharing
        self.clock = clock  # Unix seconds

    def identify(self, request: ParsedRequest) -> Grant | Refusal:
        """The grant of a request.

        A token, share link or public page in the request decides alone: with a wrong one, a log-in does not count.
        """
        authorization = request.headers.get("authorization", "")
        if authorization:
            return self._identify_bearer(authorization)
        if request.query.get(PUBLIC):
            return self._identify_public(request)
        if request.query.get(SHARE):
            return self._identify_share(request)
        key = request.cookies.get(LOGIN_COOKIE)
        account = self.accounts.find_login(key, self.clock()) if key else None
        return refusal.NOT_LOGGED_IN if account is None else account.grant

    def _identify_public(self, request: ParsedRequest) -> Grant | Refusal:
        if SHARE in request.query:
            return refusal.QUESTION_INVALID.with_reason("public and share exclude each other: leave one of them out")
        return self.sharing.find_grant(request.query) or refusal.NOT_PUBLIC

    def find_share(self, request: ParsedRequest) -> Share | None:
        """The share link in a request, whether it is locked or not."""
        return self.shares.find(request.query.get(SHARE, ""), self.clock())

    def _identify_bearer(self, authorization: str) -> Grant | Refusal:
        key = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
        if key.startswith(keys.SHARE_PREFIX):
            share = self.shares.find(key, self.clock())
            if share is not None:
                return refusal.SHARE_LOCKED if share.locked else share.grant
        return self.tokens.find(key, self.clock()) or refusal.KEY_UNKNOWN

    def _identify_share(self, request: ParsedRequest) -> Grant | Refusal:
        share = self.find_share(request)
        if share is None:
            return refusal.KEY_UNKNOWN
        key = request.cookies.get(f"{UNLOCKED_COOKIE}{share.id}", "")
        if share.locked and not self.shares.is_unlocked(share, key, self.clock()):
            return refusal.SHARE_LOCKED
        return share.grant
