"""Who is it: hashes that nobody can turn back into an address, and that nobody can follow over days."""

from hashlib import blake2b

from prisme.visit.salts import Salts


class Identity:
    """BLAKE2b keyed with the salts; the parts are separated by their lengths, so that no two lists look alike."""

    def __init__(self, salts: Salts) -> None:
        self._salts = salts

    def device(self, user_agent: bytes, address: str, host: str) -> int:
        """64 bits that name one browser at one address on one site, for as long as the data directory lives."""
        parts = b"%d,%d,%b%b%b" % (len(user_agent), len(address), user_agent, address.encode(), host.encode())
        return int.from_bytes(blake2b(parts, digest_size=8, key=self._salts.static).digest(), "little")

    def visitor(self, user_agent: bytes, address: str, host: str, device: int, now: int) -> str:
        """The anonymous visitor id of the day: `prisme_` and 16 upper-case hex digits."""
        parts = b"%d,%d,%d,%b%b%b%x" % (
            len(user_agent), len(address), len(host), user_agent, address.encode(), host.encode(), device,
        )  # fmt: skip
        return "prisme_" + blake2b(parts, digest_size=8, key=self._salts.daily(now)).hexdigest().upper()
