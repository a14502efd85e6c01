"""The changes of clocks against the transitions in the files of `tzdata`, read here byte by byte."""

import itertools
import os
import struct
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from prisme.base.offsets import _STEADY, find_changes, utc_offset

SECOND = 1_000_000
NAMES = (files("tzdata") / "zones").read_text().split()
# Changes a week apart, by half an hour, by a day, at odd seconds, in every Ramadan, and none at all.
ODD = [
    "America/Boa_Vista",
    "Antarctica/Troll",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Monrovia",
    "Africa/Casablanca",
    "UTC",
]
SOME = NAMES if os.environ.get("PRISME_TEST_LONG") else ODD


def open_file(name: str) -> bytes:
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def read_changes(name: str) -> list[tuple[int, int]]:
    """The moments after 1970 at which a zone's offset changes, with the new offset (RFC 9636); all in microseconds."""
    data = open_file(name)
    of_first = struct.unpack(">6l", data[20:44])
    start = 44 + of_first[3] * 5 + of_first[4] * 6 + of_first[5] + of_first[2] * 8 + of_first[1] + of_first[0]
    _, _, _, times, types, _ = struct.unpack(">6l", data[start + 20 : start + 44])
    start += 44
    moments = struct.unpack(f">{times}q", data[start : start + 8 * times])
    kinds = data[start + 8 * times : start + 9 * times]
    start += 9 * times
    offsets = [struct.unpack(">l", data[at : at + 4])[0] for at in range(start, start + 6 * types, 6)]
    found = [(moment * SECOND, offsets[kind] * SECOND) for moment, kind in zip(moments, kinds, strict=True)]
    found.insert(0, (-1 << 63, offsets[0] * SECOND))
    return [after for before, after in itertools.pairwise(found) if before[1] != after[1] and after[0] > 0]


def test_no_zone_changes_its_offset_too_soon_again() -> None:
    gaps = [later - earlier for name in NAMES for (earlier, _), (later, _) in itertools.pairwise(read_changes(name))]
    assert len(gaps) > 10_000
    assert min(gaps) > 2 * _STEADY


@pytest.mark.parametrize("name", SOME)
def test_all_changes_are_found(name: str) -> None:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        zone = ZoneInfo.from_file(file, name)
    expected = read_changes(name)
    end = expected[-1][0] if expected else 0
    found = list(find_changes(0, end, zone))
    assert [(moment, utc_offset(moment, zone)) for moment in found] == expected
    for moment in found[:3]:
        assert list(find_changes(moment - 1, moment, zone)) == [moment]
        assert list(find_changes(moment, moment + SECOND, zone)) == []
        assert list(find_changes(moment - SECOND, moment - 1, zone)) == []
