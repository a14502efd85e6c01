"""Many at once, as if one after the other."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from prisme.ingest.together import in_waves, settle


class Item(NamedTuple):
    """Something of a device."""

    device: int
    number: int


@given(st.lists(st.integers(0, 5)))
def test_waves_have_all_and_keep_each_devices_order(devices: list[int]) -> None:
    items = [Item(device, number) for number, device in enumerate(devices)]
    waves = list(in_waves(items))
    assert sorted(item.number for wave in waves for item in wave) == list(range(len(items)))
    for wave in waves:
        assert len({item.device for item in wave}) == len(wave)
    for device in set(devices):
        numbers = [item.number for wave in waves for item in wave if item.device == device]
        assert numbers == sorted(numbers)
    assert len(waves) == max(map(devices.count, devices), default=0)


def test_one_that_cannot_be_prepared_fails_alone() -> None:
    kept: list[int] = []
    failed: dict[int, str] = {}

    def prepare(items: list[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        return [item * 10 for item in items]

    def commit(_: list[int], prepared: list[int]) -> None:
        kept.extend(prepared)

    def fail(item: int, error: Exception) -> None:
        failed[item] = str(error)

    settle(prepare, commit, [1, 2], fail)
    assert (kept, failed) == ([10, 20], {})
    settle(prepare, commit, [3, 4, 5], fail)
    assert (kept, failed) == ([10, 20, 40, 50], {3: "three"})


def test_what_may_be_recorded_is_not_tried_again() -> None:
    tried: list[list[int]] = []
    failed: list[int] = []

    def commit(items: list[int], _: None) -> None:
        tried.append(items)
        raise RuntimeError("half way")

    settle(lambda _: None, commit, [1, 2], lambda item, _: failed.append(item))
    assert tried == [[1, 2]]
    assert failed == [1, 2]
