"""What HTTP told us of the client and the page of one event, as plain values."""

from collections.abc import Sequence

import msgspec

from prisme.visit.address import Address
from prisme.visit.sites import Page


class Hit(msgspec.Struct, frozen=True, gc=False):
    """`hints` are the client hints platform, model and mobile as they came, each empty where absent.

    `page_known` is false where the browser said no more than the page's origin.
    """

    address: Address
    page: Page
    user_agent: bytes
    hints: Sequence[bytes]
    page_known: bool = True
