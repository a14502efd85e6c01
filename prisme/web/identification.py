"""Finds out who sends a request before it waits for anything else, so that strangers take no places of users."""

from typing import Final

from prisme.access import keys
from prisme.access.grants import Grant
from prisme.access.shares import SHARE
from prisme.access.sharing import EMBED, PUBLIC
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.authentication import Authenticator
from prisme.web.cookies import LOGIN_COOKIE
from prisme.web.parsed_request import ParsedRequest
from prisme.web.quota import Rank, Sender
from prisme.web.request import Request
from prisme.web.worker_pool import WorkerPool

# Credentials that were valid when last seen, of some 150 bytes each.
_MOST_KNOWN: Final = 4096


class Identifier:
    """Finds the senders of requests in threads of their own, for credentials have to be looked up in a file.

    Credentials that were valid before come first. They are looked up each time all the same.
    """

    def __init__(self, authenticator: Authenticator, pool: WorkerPool) -> None:
        self._authenticator = authenticator
        self._pool = pool
        self._known: dict[bytes, Sender] = {}

    async def identify(self, request: Request, parsed: ParsedRequest) -> Grant | Refusal:
        """The grant of a request, whose `sender` is set; or why it has none."""
        request.sender = stranger = Sender(Rank.NOBODY, str(request.client.key))
        credentials = _find_credentials(parsed)
        if not credentials:
            return refusal.NOT_LOGGED_IN
        digest = keys.digest(credentials)
        sender = self._known.get(digest, stranger)
        grant = await self._pool.run(lambda: self._authenticator.identify(parsed), sender)
        if isinstance(grant, Grant):
            request.sender = self._remember(digest, grant)
        elif grant.status in {401, refusal.NOT_PUBLIC.status}:
            self._known.pop(digest, None)
        return grant

    def find_known(self, parsed: ParsedRequest) -> Sender | None:
        """The sender of a request whose credentials were valid when they were last seen.

        A public page is nobody's credentials: everybody knows its address.
        """
        credentials = "" if _find_public(parsed) else _find_credentials(parsed)
        return self._known.get(keys.digest(credentials)) if credentials else None

    def _remember(self, digest: bytes, grant: Grant) -> Sender:
        sender = _sender_of(grant)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[digest] = sender
        return sender


def _find_credentials(parsed: ParsedRequest) -> str:
    """What the grant depends on, as one text; empty without credentials."""
    key = parsed.headers.get("authorization", "") or _find_public(parsed) or parsed.query.get(SHARE, "")
    return key or parsed.cookies.get(LOGIN_COOKIE, "")


def _find_public(parsed: ParsedRequest) -> str:
    """The address of a public page as one text, which is no key; empty without one, or where a token decides."""
    host = parsed.query.get(PUBLIC, "")
    return f"{PUBLIC} {EMBED in parsed.query} {host}" if host and not parsed.headers.get("authorization") else ""


def _sender_of(grant: Grant) -> Sender:
    kind = grant.actor.partition(":")[0]
    rank = {"user": Rank.ACCOUNT, "share": Rank.SHARE, "public": Rank.SHARE}.get(kind, Rank.TOKEN)
    return Sender(rank, grant.actor)
