"""Whose request a line is: the address of the client, also where a proxy stands in between."""

import re
from typing import Final

from prisme.visit import address

IP: Final = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?")


def choose_address(peer: str, forwarded: str = "") -> str:
    """The client's address without port and brackets, empty where `peer` is none.

    Where the peer is on a private network, and so is a proxy, it is the last entry of `forwarded`: a list of addresses,
    the value of X-Forwarded-For. Others could have written anything there.
    """
    found = address.parse(peer)
    if forwarded and address.is_private(found.text):
        behind = address.forwarded(forwarded, 1)
        if behind is not None and behind.version:
            return behind.text
    return found.text if found.version else ""
