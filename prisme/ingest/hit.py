"""The client and the page of one event, as read from the HTTP request."""

from collections.abc import Sequence

import msgspec

from prisme.visit.address import Address
from prisme.visit.sites import Page


class Hit(msgspec.Struct, frozen=True, gc=False):
    """`hints` are the client hints platform, model and mobile as they were sent, each empty where absent.

    `page_known` is false where the browser sent the page's origin only.
    """

    address: Address
    page: Page
    user_agent: bytes
    hints: Sequence[bytes]
    page_known: bool = True
