"""Recording many events in one go, as if one came after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Prepared = TypeVar("Prepared")


def split_by_device(devices: Sequence[int]) -> Iterator[Sequence[int]]:
    """The places of all events, in groups in which no device comes twice: its second one sees what its first left."""
    rest: Sequence[int] = range(len(devices))
    while rest:
        firsts: dict[int, int] = {}
        for place in rest:
            firsts.setdefault(devices[place], place)
        if len(firsts) == len(rest):
            yield rest
            return
        yield list(firsts.values())
        rest = [place for place in rest if firsts[devices[place]] != place]


def settle(
    prepare: Callable[[Sequence[int]], Prepared],
    commit: Callable[[Sequence[int], Prepared], None],
    places: Sequence[int],
    fail: Callable[[int, Exception], None],
) -> None:
    """Prepare the events at all places, which changes nothing yet, then commit them. It never raises.

    Where that fails before the commit, each is tried alone: nobody shall suffer for another's.
    """
    try:
        prepared = prepare(places)
    except Exception as error:
        if len(places) == 1:
            fail(places[0], error)
            return
        for place in places:
            settle(prepare, commit, [place], fail)
        return
    try:
        commit(places, prepared)
    except Exception as error:  # a defect: some may be recorded, so that none is tried again
        for place in places:
            fail(place, error)
