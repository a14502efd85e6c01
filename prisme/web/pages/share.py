"""The page that opens a share link: redirects to the dashboard, or requests the link's password."""

from functools import partial

import msgspec

from prisme.access.shares import SHARE, UNLOCK_SECONDS
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain_refusal
from prisme.web.authentication import Authenticator
from prisme.web.cookies import UNLOCKED_COOKIE, make_cookie
from prisme.web.pages.endpoints import PageDeps, PageRequest, async_form_endpoint, page_endpoint
from prisme.web.pages.templates import see_other
from prisme.web.password_check import PasswordChecker, retry_after_header, stranger_limits
from prisme.web.responses import Response
from prisme.web.routing import Methods


class ShareDeps(msgspec.Struct, frozen=True):
    """What this page needs."""

    page: PageDeps
    authenticator: Authenticator
    passwords: PasswordChecker


def routes(deps: ShareDeps) -> dict[str, Methods]:
    """The page and its form."""
    return {
        "/share": {
            "GET": page_endpoint(deps.page, partial(_open, deps)),
            "POST": async_form_endpoint(deps.page, partial(_unlock, deps)),
        }
    }


def _open(deps: ShareDeps, request: PageRequest) -> Response | Refusal:
    parsed = request.parsed
    share = deps.authenticator.find_share(parsed)
    if share is None:
        return refusal.KEY_UNKNOWN
    if request.grant is not refusal.SHARE_LOCKED:
        return see_other(request.dashboard_url)
    values = {"fault": "", "domain": share.domain, "share": parsed.query[SHARE]}
    return deps.page.templates.render("share", values)


async def _unlock(deps: ShareDeps, request: PageRequest) -> Response | Refusal:
    authenticator, passwords = deps.authenticator, deps.passwords
    found = await passwords.strangers.run(lambda: authenticator.find_share(request.parsed) or refusal.KEY_UNKNOWN)
    if isinstance(found, Refusal):
        return found
    share, password = found, request.fields.get("password", "")
    limits = stranger_limits(request.address, f"share {share.id}")
    key = await passwords.check(
        limits,
        lambda: authenticator.shares.unlock(share, password, authenticator.clock()),
        passwords.strangers,
        refusal.SHARE_PASSWORD_WRONG,
    )
    if isinstance(key, Refusal):
        values = {"fault": explain_refusal(key), "domain": share.domain, "share": request.parsed.query[SHARE]}
        return deps.page.templates.render("share", values, key.status, retry_after_header(key))
    cookie = make_cookie(f"{UNLOCKED_COOKIE}{share.id}", key, UNLOCK_SECONDS, secure=request.secure)
    return see_other(request.dashboard_url, [cookie])
