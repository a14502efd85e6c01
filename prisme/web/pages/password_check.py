"""Passwords that pages ask for: wrong ones are counted, and after too many, none is checked for a while."""

import time
from collections.abc import Callable

from prisme.access.login_attempts import AttemptLimiter
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.responses import Header


def check_password(attempts: AttemptLimiter, limits: dict[str, int], verify: Callable[[], str | None]) -> str | Refusal:
    """The key that `verify` gives for a right password; `limits` are how many wrong ones are allowed, by key."""
    now = time.monotonic()
    wait = attempts.retry_after(limits, now)
    if wait:
        return refusal.TOO_MANY_ATTEMPTS.with_retry_after(wait)
    key = verify()
    if key is None:
        attempts.record_failure(limits, now)
        return refusal.PASSWORD_WRONG
    return key


def retry_after(why: Refusal) -> list[Header]:
    """The header that says when to try again, if the refusal does."""
    return [(b"retry-after", b"%d" % why.retry_after)] if why.retry_after else []
