"""Recording many events in one go, as if one came after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Prepared = TypeVar("Prepared")

# As many events are written to the journal at once: with 64 KiB of properties each, those of one moment may be hundreds
# of megabytes, and a segment is loaded in one piece.
MOST = 64


def split_by_device(devices: Sequence[int]) -> Iterator[Sequence[int]]:
    """The places of all events, in groups of at most `MOST` in which no device comes twice.

    So a device's second event sees what its first one left.
    """
    rest: Sequence[int] = range(len(devices))
    while rest:
        firsts: dict[int, int] = {}
        for place in rest:
            firsts.setdefault(devices[place], place)
        if len(firsts) == len(rest):
            yield from _slice(rest)
            return
        yield from _slice(list(firsts.values()))
        rest = [place for place in rest if firsts[devices[place]] != place]


def _slice(places: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), MOST):
        yield places[start : start + MOST]


def settle(
    prepare: Callable[[Sequence[int]], Prepared],
    commit: Callable[[Sequence[int], Prepared], None],
    places: Sequence[int],
    fail: Callable[[int, Exception], None],
) -> None:
    """Prepare the events at all places, which changes nothing yet, then commit them. It never raises.

    Where that fails before the commit, each is tried alone, so that one bad event costs no other.
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
