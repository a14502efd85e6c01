"""All that HTTP told us of one event, as plain values: bytes as they came, the address and the page already read."""

import msgspec

from prisme.base.uri import Uri
from prisme.visit.address import Address


class Hit(msgspec.Struct, frozen=True, gc=False):
    """`now` in microseconds. An absent field is empty. `platform` and `model` are the client hints' raw values.

    `page_known` is false where the browser told the page's origin alone.
    """

    now: int
    address: Address
    page: Uri
    user_agent: bytes
    platform: bytes
    model: bytes
    document_referrer: bytes
    visitor_id: bytes
    status: bytes
    page_known: bool = True
