"""UUIDs of versions 4 and 7: their time, their order, their bits."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.uuids import uuid4s
from prisme.visit.sessions import new_id

MOMENTS = st.integers(0, 2**48 * 1000 - 1)
NOISE = st.integers(0, 2**62 - 1)


@given(MOMENTS, NOISE)
def test_holds_its_time_and_its_noise(now: int, noise: int) -> None:
    made = uuid.UUID(new_id(now, noise))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now // 1000
    assert made.int & 2**62 - 1 == noise


@given(MOMENTS, NOISE, NOISE)
def test_later_ones_sort_later(now: int, first: int, second: int) -> None:
    assert new_id(now, first) < new_id(now + 1, second) or now + 1 == 2**48 * 1000


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (0, "00000000-0000-7000-8000-000000000000"),
        (1_645_557_742_000_000, "017f22e2-79b0-7000-8000-000000000000"),  # the time of RFC 9562's own example
        (1_645_557_742_000_500, "017f22e2-79b0-7800-8000-000000000000"),
    ],
)
def test_known_ones(now: int, text: str) -> None:
    assert new_id(now, 0) == text


def test_random_ones_are_random() -> None:
    made = uuid4s(5000)
    read = [uuid.UUID(text) for text in made]
    assert {(one.version, one.variant) for one in read} == {(4, uuid.RFC_4122)}
    assert [str(one) for one in read] == made
    assert len(set(made)) == 5000
    # Each bit but the six fixed ones is set in some and not in others.
    fixed = 0xF << 76 | 0b11 << 62
    ones = zeros = 0
    for one in read:
        ones |= one.int
        zeros |= ~one.int
    assert (ones & zeros | fixed) & (1 << 128) - 1 == (1 << 128) - 1
