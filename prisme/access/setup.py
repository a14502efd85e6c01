"""The first account: whoever reads the log of a new server may make it, once."""

import hmac

from prisme.access import keys


class Setup:
    """`key` goes into the link; it is kept in memory alone, so each start has another one."""

    def __init__(self) -> None:
        self.key = keys.make_key()

    def knows(self, key: str) -> bool:
        """Whether a key is the one of the link."""
        return hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self.key.encode())

    def link(self, scheme: str, host: str, port: int) -> str:
        """The link, for a server that listens there."""
        if host in {"0.0.0.0", "::"}:  # noqa: S104  # it is compared, nothing is bound
            host = "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{port}/setup?key={self.key}"
