"""Checks passwords, and limits wrong ones: after too many, no password is checked for a while."""

import time
from collections.abc import Callable

from prisme.access.login_attempts import AttemptLimiter
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.responses import Header


def check_password(attempts: AttemptLimiter, limits: dict[str, int], verify: Callable[[], str | None]) -> str | Refusal:
    """The key from `verify`, which gives None for a wrong password. `limits`: how many are allowed, by key."""
    now = time.monotonic()
    seconds = attempts.retry_after(limits, now)
    if seconds:
        return refusal.TOO_MANY_ATTEMPTS.with_retry_after(seconds)
    key = verify()
    if key is None:
        attempts.record_failure(limits, now)
        return refusal.PASSWORD_WRONG
    return key


def retry_after_header(why: Refusal) -> list[Header]:
    """The `Retry-After` header of a refusal, if it has one."""
    return [(b"retry-after", b"%d" % why.retry_after)] if why.retry_after else []
