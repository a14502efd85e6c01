"""What the admin API does with sites, one function for each method of a path.

A change is in force when its response is sent.
"""

from typing import Any

import msgspec

from prisme.web.api.admin_actions import Call, decode
from prisme.web.authentication import Authenticator
from prisme.web.site_registry import SiteRegistry


class NewSite(msgspec.Struct, forbid_unknown_fields=True):
    """`name` is a host, or `*.example.com`; `aliases` are other hosts whose pages count as its own."""

    name: str
    aliases: tuple[str, ...] = ()


class ChangedSite(msgspec.Struct, forbid_unknown_fields=True):
    """Hosts to be aliases of the site, and aliases to remove, which goes first."""

    add_aliases: tuple[str, ...] = ()
    remove_aliases: tuple[str, ...] = ()


def list_sites(registry: SiteRegistry, _: Authenticator, __: Call) -> Any:
    """`GET sites`."""
    return {"sites": registry.list.list(), "refused": registry.refused()}


def add_site(registry: SiteRegistry, auth: Authenticator, call: Call) -> Any:
    """`POST sites`."""
    new = decode(call.body, NewSite)
    site = registry.list.add(call.grant, new.name, auth.clock(), new.aliases)
    registry.publish()
    return site


def change_site(registry: SiteRegistry, auth: Authenticator, call: Call) -> None:
    """`PATCH sites/:name`."""
    changed = decode(call.body, ChangedSite)
    registry.list.change_aliases(
        call.grant, call.name, auth.clock(), add=changed.add_aliases, remove=changed.remove_aliases
    )
    registry.publish()


def remove_site(registry: SiteRegistry, auth: Authenticator, call: Call) -> None:
    """`DELETE sites/:name`."""
    registry.list.remove(call.grant, call.name, auth.clock())
    registry.publish()
