"""The page that opens a share link: redirects to the dashboard, or requests the link's password."""

from functools import partial

import msgspec

from prisme.access import login_attempts
from prisme.access.login_attempts import AttemptLimiter
from prisme.access.shares import SHARE, UNLOCK_SECONDS
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.authentication import Authenticator
from prisme.web.cookies import UNLOCKED_COOKIE, make_cookie
from prisme.web.pages.endpoints import PageDeps, PageRequest, form_endpoint, page_endpoint
from prisme.web.pages.password_check import check_password, retry_after_header
from prisme.web.pages.templates import see_other
from prisme.web.responses import Response
from prisme.web.routing import Methods


class ShareDeps(msgspec.Struct, frozen=True):
    """What this page needs."""

    page: PageDeps
    authenticator: Authenticator
    attempts: AttemptLimiter


def routes(deps: ShareDeps) -> dict[str, Methods]:
    """The page and its form."""
    return {
        "/share": {
            "GET": page_endpoint(deps.page, partial(_open, deps)),
            "POST": form_endpoint(deps.page, partial(_unlock, deps)),
        }
    }


def _open(deps: ShareDeps, request: PageRequest) -> Response | Refusal:
    parsed = request.parsed
    share = deps.authenticator.find_share(parsed)
    if share is None:
        return refusal.KEY_UNKNOWN
    if deps.authenticator.identify(parsed) is not refusal.SHARE_LOCKED:
        return see_other(request.dashboard_url)
    values = {"fault": "", "domain": share.domain, "share": parsed.query[SHARE]}
    return deps.page.templates.render("share", values)


def _unlock(deps: ShareDeps, request: PageRequest) -> Response | Refusal:
    authenticator, password = deps.authenticator, request.fields.get("password", "")
    share, now = authenticator.find_share(request.parsed), authenticator.clock()
    if share is None:
        return refusal.KEY_UNKNOWN
    limits = {f"address {request.address}": login_attempts.PER_ADDRESS, f"share {share.id}": login_attempts.PER_ACCOUNT}
    key = check_password(deps.attempts, limits, lambda: authenticator.shares.unlock(share, password, now))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "domain": share.domain, "share": request.parsed.query[SHARE]}
        return deps.page.templates.render("share", values, key.status, retry_after_header(key))
    cookie = make_cookie(f"{UNLOCKED_COOKIE}{share.id}", key, UNLOCK_SECONDS, secure=request.secure)
    return see_other(request.dashboard_url, [cookie])
