"""Forms of our own pages: read, and only from our own pages. It judges no field."""

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.guard import Asking, is_own_page, read_asking, read_fields
from prisme.web.request import MAX_BODY, Receive, Scope, read_body

Fields = dict[str, str]


async def read_form(scope: Scope, receive: Receive) -> tuple[Asking, Fields] | Refusal:
    """What was sent, and its fields."""
    asking = read_asking(scope)
    if isinstance(asking, Refusal):
        return asking
    if not is_own_page(asking):
        return refusal.CROSS_ORIGIN
    body = await read_body(receive, asking.headers.get("content-length", "").encode("latin-1"))
    fields = body if isinstance(body, Refusal) else read_fields(body, MAX_BODY)
    return fields if isinstance(fields, Refusal) else (asking, fields)
