"""Visitor ids and device hashes: nobody can turn them back into an address, and they change every day."""

from collections.abc import Iterable
from hashlib import blake2b

from prisme.visit.salts import Salts

# So that the two hashes of the same bytes differ.
_DEVICE, _VISITOR = b"device", b"visitor"


class Identity:
    """BLAKE2b keyed with the key of the day: of the day that `expire` saw last.

    `has_previous` says whether visits of the day before may go on.
    """

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        self._rekey()

    def parts(self, clients: Iterable[tuple[bytes, str, str]]) -> list[bytes]:
        """What the hashes of clients are made of; a client is a User-Agent, an address and a domain."""
        # The lengths separate the parts, so that no two clients look alike.
        return [
            f"{len(user_agent)},{len(address)},{address}{domain}".encode() + user_agent
            for user_agent, address, domain in clients
        ]

    def device_hashes(self, parts: Iterable[bytes]) -> list[int]:
        """Device hashes: 64 bits that stand for one browser at one address on one site, for one day."""
        device_hashes: list[int] = []
        for part in parts:
            keyed = self._device.copy()
            keyed.update(part)
            device_hashes.append(int.from_bytes(keyed.digest(), "little"))
        return device_hashes

    def previous_device_hash(self, parts: bytes) -> int | None:
        """The device hash by the key of the day before; None once no visit of that day can be open any more."""
        if self._previous is None:
            return None
        keyed = self._previous.copy()
        keyed.update(parts)
        return int.from_bytes(keyed.digest(), "little")

    def visitor(self, parts: bytes, device_hash: int) -> str:
        """The anonymous visitor id of the day that `device_hash` is of: `prisme_` and 16 upper-case hex digits."""
        keyed = self._visitor.copy()
        keyed.update(parts + device_hash.to_bytes(8, "little"))
        return "prisme_" + keyed.hexdigest().upper()

    def expire(self, now: int) -> None:
        """Make a new day's key when it is time, and forget the one before; `now` in microseconds."""
        if not self._since <= now < self._until and (self._salts.rotate(now) or self._salts.expire(now)):
            self._rekey()

    def _rekey(self) -> None:
        # Keyed once and copied for each hash: a quarter of its time. What is let go of is zeroed by hashlib.
        salts = self._salts
        self._since, self._until = salts.validity
        self._device = blake2b(digest_size=8, key=salts.today, person=_DEVICE)
        self._visitor = blake2b(digest_size=8, key=salts.today, person=_VISITOR)
        previous = salts.previous
        self.has_previous = previous is not None
        self._previous = None if previous is None else blake2b(digest_size=8, key=previous, person=_DEVICE)
