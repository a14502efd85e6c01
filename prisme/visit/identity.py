"""Visitor ids and device hashes: nobody can turn them back into an address, and they change every day."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from prisme.visit.salts import Salts

# So that the two hashes of the same bytes differ.
_DEVICE, _VISITOR = b"device", b"visitor"
# The next page of a visit needs its device again: a tenth of the time of hashing. With 150 bytes each, 1.2 MB.
_MOST_KNOWN: Final = 8192

# A User-Agent, an address and a domain.
Client = tuple[bytes, str, str]


class Identity:
    """BLAKE2b keyed with the key of the day: of the day that `expire` saw last.

    `has_previous` says whether visits of the day before may go on.
    """

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        self._rekey()

    def device_hashes(self, clients: Iterable[Client]) -> list[int]:
        """Device hashes: 64 bits that stand for one browser at one address on one site, for one day."""
        known = self._known
        device_hashes: list[int] = []
        for client in clients:
            # Python's own hash, whose key is random in each process: memory has the client's parts nowhere.
            key = hash(client)
            device_hash = known.get(key)
            if device_hash is None:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                device_hash = known[key] = _hash_device(self._device, client)
            device_hashes.append(device_hash)
        return device_hashes

    def previous_device_hash(self, client: Client) -> int | None:
        """The device hash by the key of the day before; None once no visit of that day can be open any more."""
        return None if self._previous is None else _hash_device(self._previous, client)

    def visitor(self, client: Client, device_hash: int) -> str:
        """The anonymous visitor id of the day that `device_hash` is of: `prisme_` and 16 upper-case hex digits."""
        keyed = self._visitor.copy()
        keyed.update(join_parts(client) + device_hash.to_bytes(8, "little"))
        return "prisme_" + keyed.hexdigest().upper()

    def expire(self, now: int) -> None:
        """Make a new day's key when it is time, and forget the one before; `now` in microseconds."""
        if not self._since <= now < self._until and (self._salts.rotate(now) or self._salts.expire(now)):
            self._rekey()

    def _rekey(self) -> None:
        self._known: dict[int, int] = {}  # of today, by the client's hash
        # Keyed once and copied for each hash: a quarter of its time. What is let go of is zeroed by hashlib.
        salts = self._salts
        self._since, self._until = salts.validity
        self._device = blake2b(digest_size=8, key=salts.today, person=_DEVICE)
        self._visitor = blake2b(digest_size=8, key=salts.today, person=_VISITOR)
        previous = salts.previous
        self.has_previous = previous is not None
        self._previous = None if previous is None else blake2b(digest_size=8, key=previous, person=_DEVICE)


def join_parts(client: Client) -> bytes:
    """What the hashes of a client are made of: the lengths separate the parts, so that no two clients look alike."""
    user_agent, address, domain = client
    return f"{len(user_agent)},{len(address)},{address}{domain}".encode() + user_agent


def _hash_device(keyed: blake2b, client: Client) -> int:
    device = keyed.copy()
    device.update(join_parts(client))
    return int.from_bytes(device.digest(), "little")
