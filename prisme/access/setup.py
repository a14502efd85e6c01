"""The setup link, which is logged by a server without accounts and lets its reader create the first one."""

import hmac

from prisme.access import keys


class Setup:
    """The key of the setup link. It is only kept in memory, so each start has a new one.

    With an `account`, the link creates that one with a password that nobody knows, and logs in to it each time: for
    the demo, which only this machine can reach.
    """

    def __init__(self, account: str = "") -> None:
        self.key = keys.make_key()
        self.account = account

    def is_valid(self, key: str) -> bool:
        """Whether it is the key of the link, compared in constant time."""
        return hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self.key.encode())

    def link(self, base: str) -> str:
        """The link, for a server at this URL."""
        return f"{base}/setup?key={self.key}"
