"""What the admin API does with sites, one function for each method of a path.

A change is in force when its response is sent.
"""

from typing import Annotated, Any

import msgspec

from prisme.access.grants import ADMIN, SITES
from prisme.access.retention import MOST_DAYS, Retention
from prisme.base import refusal
from prisme.web.api.admin_actions import Call, Tagged, decode
from prisme.web.authentication import Authenticator
from prisme.web.site_registry import SiteRegistry

_NOT_ALLOWED = refusal.NOT_ALLOWED.with_reason("this needs a token with the scope sites, or an admin")


class NewSite(msgspec.Struct, forbid_unknown_fields=True):
    """`name` is a host, or `*.example.com`; `aliases` are other hosts whose pages count as its own."""

    name: str
    aliases: tuple[str, ...] = ()


class ChangedSite(msgspec.Struct, forbid_unknown_fields=True):
    """Hosts to be aliases of the site, and aliases to remove, which goes first; for how many days its data is kept."""

    add_aliases: tuple[str, ...] = ()
    remove_aliases: tuple[str, ...] = ()
    retention_days: Annotated[int, msgspec.Meta(ge=0, le=MOST_DAYS)] | msgspec.UnsetType | None = msgspec.UNSET


def list_sites(registry: SiteRegistry, retention: Retention, _: Authenticator, call: Call) -> Any:
    """`GET sites`: all for admins; names and aliases alone for whoever has just the scope for these."""
    if ADMIN not in call.grant.scopes:
        return Tagged(*registry.listing()) if SITES in call.grant.scopes else _NOT_ALLOWED
    kept = [{"site": site, "days": days} for site, days in retention.read().items()]
    return {"sites": registry.list.list(), "refused": registry.refused(), "retention": kept}


def add_site(registry: SiteRegistry, auth: Authenticator, call: Call) -> Any:
    """`POST sites`."""
    new = decode(call.body, NewSite)
    site = registry.list.add(call.grant, new.name, auth.clock(), new.aliases)
    registry.publish()
    return site


def change_site(registry: SiteRegistry, retention: Retention, auth: Authenticator, call: Call) -> None:
    """`PATCH sites/:name`."""
    changed = decode(call.body, ChangedSite)
    registry.list.change_aliases(
        call.grant, call.name, auth.clock(), add=changed.add_aliases, remove=changed.remove_aliases
    )
    if changed.retention_days is not msgspec.UNSET:
        retention.save(call.grant, call.name, changed.retention_days, auth.clock())
    registry.publish()


def remove_site(registry: SiteRegistry, auth: Authenticator, call: Call) -> None:
    """`DELETE sites/:name`."""
    registry.list.remove(call.grant, call.name, auth.clock())
    registry.publish()
