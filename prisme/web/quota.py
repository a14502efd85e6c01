"""How much of a scarce resource each sender of requests may hold: some is always left for users who are logged in."""

from collections import Counter
from enum import IntEnum
from typing import Final, NamedTuple


class Rank(IntEnum):
    """Kinds of senders, the one that is served first at the top."""

    ACCOUNT = 0
    TOKEN = 1
    SHARE = 2  # and public pages, each as one sender
    NOBODY = 3  # without valid credentials


class Sender(NamedTuple):
    """Who sent a request; `key` distinguishes senders of a rank. An empty one stands for many, without a limit."""

    rank: Rank
    key: str


# Work of the server itself, and requests whose sender does not matter.
SERVER: Final = Sender(Rank.ACCOUNT, "")
NOBODY: Final = Sender(Rank.NOBODY, "")

# Eighths of the whole: what one sender may hold, and what all of the rank and of lower ranks may hold together.
_EIGHTHS: Final[dict[Rank, tuple[int, int]]] = {
    Rank.ACCOUNT: (4, 8),
    Rank.TOKEN: (2, 6),
    Rank.SHARE: (1, 3),
    Rank.NOBODY: (1, 2),
}


class Quota:
    """A whole number of units, such as places in a queue or bytes, of which each sender may hold a part."""

    def __init__(self, whole: int) -> None:
        self._limits = {rank: (-(-whole * one // 8), -(-whole * all_ // 8)) for rank, (one, all_) in _EIGHTHS.items()}
        self._held: Counter[Sender] = Counter()
        self._ranks: Counter[Rank] = Counter()

    def take(self, sender: Sender, units: int = 1) -> bool:
        """Take units for a sender; false where that would exceed a limit, and nothing is taken."""
        of_one, _ = self._limits[sender.rank]
        if sender.key and self._held[sender] + units > of_one:
            return False
        lower = 0
        for rank in reversed(Rank):
            lower += self._ranks[rank]
            if rank <= sender.rank and lower + units > self._limits[rank][1]:
                return False
        self._held[sender] += units
        self._ranks[sender.rank] += units
        return True

    def give_back(self, sender: Sender, units: int = 1) -> None:
        """Give back what was taken."""
        self._ranks[sender.rank] -= units
        self._held[sender] -= units
        if not self._held[sender]:
            del self._held[sender]
