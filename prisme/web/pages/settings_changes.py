"""What the forms of the settings change: the own password, accounts, tokens and share links.

Each function takes the fields of a form, and gives the name of a notice, or values that the page shows only this once.
They raise InputError for wrong fields.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import ADMIN, SCOPES, AccessError, Grant
from prisme.access.shares import SHARE
from prisme.base import timexpr
from prisme.store.control import Control
from prisme.web.authentication import Authenticator
from prisme.web.pages.endpoints import Fields, PageDeps, read_id
from prisme.web.password_check import PasswordChecker

Outcome = str | dict[str, str]


class SettingsDeps(msgspec.Struct, frozen=True):
    """What the pages of the settings need."""

    page: PageDeps
    control: Control
    authenticator: Authenticator
    passwords: PasswordChecker


def change_password(deps: SettingsDeps, grant: Grant, fields: Fields) -> Outcome:
    """Change the user's own password, after the current one was confirmed."""
    accounts, now = deps.authenticator.accounts, deps.authenticator.clock()
    if fields.get("new-password") != fields.get("again-password"):
        raise AccessError("the new passwords do not match")
    accounts.set_password(grant, grant.account, fields.get("new-password", ""), now, keep_tokens=_keeps_tokens(fields))
    return "password"


def account_confirmation(fields: Fields) -> str | None:
    """The password that confirms a change of the user's own account: every change needs it."""
    return fields.get("password", "")


def users_confirmation(fields: Fields) -> str | None:
    """The user's own password, which confirms a new password of any account; None for other changes."""
    return fields.get("own-password", "") if fields.get("do") == "password" else None


def change_users(deps: SettingsDeps, grant: Grant, fields: Fields) -> Outcome:
    """Create, change or delete an account."""
    accounts, now = deps.authenticator.accounts, deps.authenticator.clock()
    name, role, password = fields.get("name", "").strip(), fields.get("role", ""), fields.get("password", "")
    match fields.get("do"):
        case "add":
            accounts.add(grant, name, role, _split(fields.get("domains", "")), password, now)
            return "added"
        case "role":
            accounts.set_role(grant, name, role, _split(fields.get("domains", "")), now)
            return "changed"
        case "password":
            accounts.set_password(grant, name, password, now, keep_tokens=_keeps_tokens(fields))
            return "password"
        case "remove":
            accounts.remove(grant, name, now)
            return "removed"
    raise AccessError("unknown action")


def change_tokens(deps: SettingsDeps, grant: Grant, fields: Fields) -> Outcome:
    """Create or delete an API token."""
    tokens, now = deps.authenticator.tokens, deps.authenticator.clock()
    if fields.get("do") == "remove":
        tokens.remove(grant, read_id(fields), now, owner=token_owner(grant))
        return "removed"
    scopes = [scope for scope in SCOPES if fields.get(f"scope-{scope}")]
    domains = _split(fields.get("domains", "")) or None
    expires = read_expires(fields, now)
    _, key = tokens.add(grant, fields.get("name", ""), now, scopes=scopes, domains=domains, expires=expires)
    return {"made": key}


def change_shares(deps: SettingsDeps, grant: Grant, fields: Fields) -> Outcome:
    """Create or delete a share link."""
    shares, now = deps.authenticator.shares, deps.authenticator.clock()
    if fields.get("do") == "remove":
        shares.remove(grant, read_id(fields), now)
        return "removed"
    # An empty field is no password; spaces are one, which is too short.
    password = fields.get("password") or None
    expires = read_expires(fields, now)
    share, key = shares.add(grant, fields.get("domain", ""), now, expires=expires, password=password)
    return {"made": f"/share?{urlencode({SHARE: key})}", "made_for": share.domain}


def token_owner(grant: Grant) -> str | None:
    """The account whose tokens may be seen and deleted; None for all tokens, which is for admins."""
    return None if ADMIN in grant.scopes else grant.account


def _keeps_tokens(fields: Fields) -> bool:
    return bool(fields.get("keep-tokens"))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace(",", " ").split() if part)


def read_expires(fields: Mapping[str, str], now: int) -> int | None:
    """When something expires, from a form's field: Unix seconds, None for never. Raises InputError."""
    return timexpr.read_end(fields.get("expires", "").strip() or None, now)
