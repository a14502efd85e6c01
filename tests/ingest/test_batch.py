"""Many at once, as if one after the other."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.ingest.batch import MAX_EVENTS, commit_batch, split_by_device


@given(st.lists(st.integers(0, 5)))
def test_groups_have_all_places_and_keep_each_devices_order(devices: list[int]) -> None:
    groups = list(split_by_device(devices))
    assert sorted(place for group in groups for place in group) == list(range(len(devices)))
    for group in groups:
        assert len({devices[place] for place in group}) == len(group)
        assert list(group) == sorted(group)
    for device in set(devices):
        places = [place for group in groups for place in group if devices[place] == device]
        assert places == sorted(places)
    assert len(groups) == max(map(devices.count, devices), default=0)


@pytest.mark.parametrize("devices", [range(1000), [1, *range(1000)]], ids=["all different", "one twice"])
def test_groups_are_no_larger_than_what_is_written_at_once(devices: Sequence[int]) -> None:
    groups = list(split_by_device(devices))
    assert max(map(len, groups)) == MAX_EVENTS
    assert sorted(place for group in groups for place in group) == list(range(len(devices)))


def test_one_that_cannot_be_prepared_fails_alone() -> None:
    committed: list[tuple[list[int], list[int]]] = []
    failed: dict[int, str] = {}

    def prepare(places: Sequence[int]) -> list[int]:
        if 3 in places:
            raise ValueError("three")
        return [place * 10 for place in places]

    def commit(places: Sequence[int], prepared: list[int]) -> None:
        committed.append((list(places), prepared))

    def fail(place: int, error: Exception) -> None:
        failed[place] = str(error)

    commit_batch(prepare, commit, [1, 2], fail)
    assert (committed, failed) == ([([1, 2], [10, 20])], {})
    commit_batch(prepare, commit, [3, 4, 5], fail)
    assert (committed[1:], failed) == ([([4], [40]), ([5], [50])], {3: "three"})


@pytest.mark.parametrize("places", [[1], [1, 2]])
def test_what_may_be_recorded_is_not_tried_again(places: list[int]) -> None:
    tried: list[Sequence[int]] = []
    failed: list[int] = []

    def commit(places: Sequence[int], _: None) -> None:
        tried.append(places)
        raise RuntimeError("half way")

    commit_batch(lambda _: None, commit, places, lambda place, _: failed.append(place))
    assert tried == [places]
    assert failed == places
