"""What the API does with annotations, one function for each method of a path."""

from typing import Any

import msgspec

from prisme.access.annotations import Annotation, Annotations
from prisme.access.grants import ADMIN, ANNOTATE, STATS
from prisme.access.sharing import public_site
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.api.admin_actions import Call, decode, read_id
from prisme.web.authentication import Authenticator

_NOT_ALLOWED = refusal.NOT_ALLOWED.with_reason("this needs a token with the scope annotate, or an admin")


class NewAnnotation(msgspec.Struct, forbid_unknown_fields=True):
    """Without a `time`, for now; a date alone is that day in every time zone."""

    domain: str
    text: str
    time: str = ""


def list_annotations(annotations: Annotations, _: Authenticator, call: Call) -> Any:
    """`GET annotations`: for everybody who may see the figures, except on public pages.

    Who wrote them is for those who may write: it may be the name of an account.
    """
    grant = call.grant
    if grant.scopes.isdisjoint((STATS, ANNOTATE, ADMIN)) or public_site(grant):
        return _NOT_ALLOWED
    shown = [_show(one) for one in annotations.list(grant, call.query.get("domain", ""))]
    hidden = () if _may_write(call) else ("creator",)
    return {"annotations": [{name: value for name, value in one.items() if name not in hidden} for one in shown]}


def add_annotation(annotations: Annotations, auth: Authenticator, call: Call) -> Any:
    """`POST annotations`."""
    if not _may_write(call):
        return _NOT_ALLOWED
    new = decode(call.body, NewAnnotation)
    return _show(annotations.add(call.grant, new.domain, new.text, auth.clock(), new.time))


def remove_annotation(annotations: Annotations, _: Authenticator, call: Call) -> Refusal | None:
    """`DELETE annotations/:name`."""
    if not _may_write(call):
        return _NOT_ALLOWED
    annotations.remove(call.grant, read_id(call.name))
    return None


def _may_write(call: Call) -> bool:
    return not call.grant.scopes.isdisjoint((ANNOTATE, ADMIN))


def _show(one: Annotation) -> dict[str, Any]:
    return {"id": one.id, "domain": one.domain, "time": one.time, "text": one.text, "creator": one.creator}
