"""What HTTP told us of the client and the page of one event, as plain values."""

import msgspec

from prisme.visit.address import Address
from prisme.visit.sites import Page


class Hit(msgspec.Struct, frozen=True, gc=False):
    """The client hints are raw values, empty where absent.

    `page_known` is false where the browser said no more than the page's origin.
    """

    address: Address
    page: Page
    user_agent: bytes
    platform: bytes
    model: bytes
    mobile: bytes
    page_known: bool = True
