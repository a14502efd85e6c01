"""Checks passwords, and limits wrong ones: after too many, no password is checked for a while.

Argon2 has two threads of its own, so that no flood of log-ins delays anything else: one for browsers that have logged
in before, one for all others.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from prisme.access import keys
from prisme.access.accounts import Accounts
from prisme.access.grants import Grant
from prisme.access.login_attempts import PER_ACCOUNT, PER_ADDRESS, PER_BROWSER, PER_NETWORK, AttemptLimiter
from prisme.base import refusal
from prisme.base.refusal import PASSWORDS_BUSY, Refusal
from prisme.visit.address import Address
from prisme.web.cookies import LOGIN_COOKIE
from prisme.web.parsed_request import ParsedRequest
from prisme.web.responses import Header
from prisme.web.worker_pool import WorkerPool

T = TypeVar("T")
Limits = dict[str, int]

# A check takes 30 ms and 19 MiB: so the last of the queue waits for half a second.
_MAX_QUEUED: Final = 16
# As many as there may be connections, so that no flood of invented keys has a known browser refused. One takes 0.3 ms.
_MAX_LOOKUPS: Final = 4096


class PasswordChecker:
    """Checks passwords in `strangers`, or in `known` if a browser has logged in before. `steady` gives nanoseconds.

    `lookups` is for finding out which of them it is. For the event loop.
    """

    def __init__(self, accounts: Accounts, clock: Callable[[], int], steady: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock  # Unix seconds
        self._steady = steady
        self._attempts = AttemptLimiter()
        self.strangers = WorkerPool("passwords", 1, _MAX_QUEUED, busy=PASSWORDS_BUSY)
        self.known = WorkerPool("known-passwords", 1, _MAX_QUEUED, busy=PASSWORDS_BUSY)
        self.lookups = WorkerPool("known-browsers", 1, _MAX_LOOKUPS, busy=PASSWORDS_BUSY)

    async def check(
        self, limits: Limits, verify: Callable[[], T | None], pool: WorkerPool, wrong: Refusal = refusal.PASSWORD_WRONG
    ) -> T | Refusal:
        """What `verify` gives in a thread of `pool`, which is None for a wrong password. `limits`: attempts by key.

        The attempt is counted beforehand, so that many at once are not more than one after the other.
        """
        seconds = self._attempts.reserve(limits, self._steady() / 1e9)
        if seconds:
            return refusal.TOO_MANY_ATTEMPTS.with_retry_after(seconds)
        outcome: T | Refusal | None = None
        try:
            outcome = await pool.run(verify)
        except asyncio.CancelledError:  # nobody waits for the result: the attempt counts
            raise
        except BaseException:
            self._attempts.release(limits)
            raise
        if outcome is None:
            return wrong
        self._attempts.release(limits)
        return outcome

    async def confirm(self, request: ParsedRequest, by: Grant, password: str) -> Refusal | None:
        """Check the password of the user who is logged in, before a change for which a log-in alone is not enough.

        It is counted for this log-in: others' wrong passwords of the same name do not matter.
        """
        login = keys.digest(request.cookies.get(LOGIN_COOKIE, "")).hex()
        outcome = await self.check(
            {f"log-in {login}": PER_BROWSER},
            lambda: self._accounts.confirm_password(by, password, self._clock()) or None,
            self.known,
        )
        return outcome if isinstance(outcome, Refusal) else None

    def close(self) -> None:
        """End the threads."""
        self.strangers.close()
        self.known.close()
        self.lookups.close()


def stranger_limits(address: Address, subject: str) -> Limits:
    """How many attempts are allowed from an address and its networks, and for an account or a share link."""
    limits = {f"address {address.key}": PER_ADDRESS, subject: PER_ACCOUNT}
    return limits | {f"network {address.wide}": PER_NETWORK} if address.wide else limits


def browser_limits(key: str) -> Limits:
    """How many attempts are allowed with the key of a known browser."""
    return {f"browser {keys.digest(key).hex()}": PER_BROWSER}


def retry_after_header(why: Refusal) -> list[Header]:
    """The `Retry-After` header of a refusal, if it has one."""
    return [(b"retry-after", b"%d" % why.retry_after)] if why.retry_after else []
