"""Recording many events in one go, as if one came after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar


class OfDevice(Protocol):
    """What belongs to a device."""

    @property
    def device(self) -> int:
        """By its hash."""


Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Devices = TypeVar("Devices", bound=OfDevice)


def in_waves(items: Sequence[Devices]) -> Iterator[list[Devices]]:
    """All items, in groups in which no device comes twice: its second event has to see what its first one left."""
    rest = list(items)
    while len({item.device for item in rest}) < len(rest):
        firsts: dict[int, Devices] = {}
        for item in rest:
            firsts.setdefault(item.device, item)
        yield list(firsts.values())
        rest = [item for item in rest if firsts[item.device] is not item]
    if rest:
        yield rest


def settle(
    prepare: Callable[[list[Item]], Prepared],
    commit: Callable[[list[Item], Prepared], None],
    items: list[Item],
    fail: Callable[[Item, Exception], None],
) -> None:
    """Prepare all items, which changes nothing yet, then commit them. It never raises.

    Where it cannot be prepared, each is tried alone: nobody shall suffer for another's.
    """
    try:
        prepared = prepare(items)
    except Exception as error:
        if len(items) == 1:
            fail(items[0], error)
            return
        for item in items:
            settle(prepare, commit, [item], fail)
        return
    try:
        commit(items, prepared)
    except Exception as error:  # a defect: some may be recorded, so that none is tried again
        for item in items:
            fail(item, error)
