"""Who is it: hashes that nobody can turn back into an address, and that nobody can follow over days."""

from hashlib import blake2b

from prisme.visit.salts import Salts


class Identity:
    """BLAKE2b keyed with the salts."""

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        # Keyed once and copied for each hash: a quarter of its time.
        self._static = blake2b(digest_size=8, key=salts.static)
        self._day, self._daily = b"", self._static

    def parts(self, user_agent: bytes, address: str, host: str) -> bytes:
        """What both hashes are of, separated by lengths, so that no two lists look alike."""
        return f"{len(user_agent)},{len(address)},{address}{host}".encode() + user_agent

    def device(self, parts: bytes) -> int:
        """64 bits that name one browser at one address on one site, for as long as the data directory lives."""
        keyed = self._static.copy()
        keyed.update(parts)
        return int.from_bytes(keyed.digest(), "little")

    def visitor(self, parts: bytes, device: int, now: int) -> str:
        """The anonymous visitor id of the day: `prisme_` and 16 upper-case hex digits."""
        salt = self._salts.daily(now)
        if salt is not self._day:
            self._day, self._daily = salt, blake2b(digest_size=8, key=salt)
        keyed = self._daily.copy()
        keyed.update(parts + device.to_bytes(8, "little"))
        return "prisme_" + keyed.hexdigest().upper()
