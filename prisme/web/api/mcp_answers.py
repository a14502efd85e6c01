"""What a model reads of a figure: as in the stats API, but moments are texts, and each key is beside its value."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base.errors import InputError
from prisme.base.offsets import localise
from prisme.base.timexpr import SECOND
from prisme.stats.selection import Imported

# Members that are moments, in Unix seconds.
TIMES: Final = frozenset({"from", "to", "first", "last"})
# The argument of the tool for funnels that names one of them.
FUNNEL: Final = "funnel"

Told = dict[str, Any]


class TimeRow(msgspec.Struct, frozen=True):
    """A value of a series, and the start of its interval."""

    time: str
    value: int | float


class TimeSeries(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The values of a figure over time."""

    start: str
    end: str
    rows: list[TimeRow]
    imported: Imported | msgspec.UnsetType = msgspec.UNSET


class ListRow(msgspec.Struct, frozen=True):
    """A row of a list."""

    key: int | str
    value: int | float


class RowList(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The rows of a list, in its order."""

    start: str
    end: str
    rows: list[ListRow]
    imported: Imported | msgspec.UnsetType = msgspec.UNSET


def tell(told: Told, zone: ZoneInfo, _: Mapping[str, Any]) -> Told:
    """Any figure, with moments in a time zone; the arguments do not matter."""
    read: Told = _tell_times(told, zone)
    return read


def tell_series(told: Told, zone: ZoneInfo, _: Mapping[str, Any]) -> Told:
    """A `TimeSeries` of a frame."""
    return _tell_frame(told, zone, "time", [_tell_time(key, zone) for key in told["keys"]])


def tell_list(told: Told, zone: ZoneInfo, _: Mapping[str, Any]) -> Told:
    """A `RowList` of a frame."""
    return _tell_frame(told, zone, "key", told["keys"])


def tell_sites(told: Told, zone: ZoneInfo, _: Mapping[str, Any]) -> Told:
    """The list of sites: its keys are moments."""
    return tell(told, zone, _) | {"keys": [_tell_time(key, zone) for key in told["keys"]]}


def tell_funnels(told: Told, zone: ZoneInfo, arguments: Mapping[str, Any]) -> Told:
    """All funnels, or those with the name in the arguments. Raises InputError if there is none."""
    name = arguments.get(FUNNEL)
    chosen = [row for row in told["funnels"] if name is None or row["funnel"] == name]
    if name is not None and not chosen:
        names = ", ".join(dict.fromkeys(row["funnel"] for row in told["funnels"])) or "none"
        raise InputError(f"funnel: there is no funnel {str(name)[:128]!r}; the funnels are: {names}")
    return tell(told, zone, arguments) | {"funnels": chosen}


def _tell_frame(told: Told, zone: ZoneInfo, key: str, keys: list[Any]) -> Told:
    rows = [{key: name, "value": value} for name, value in zip(keys, told["values"], strict=True)]
    imported = {"imported": told["imported"]} if "imported" in told else {}
    return {"from": _tell_time(told["from"], zone), "to": _tell_time(told["to"], zone), "rows": rows} | imported


def _tell_times(told: Any, zone: ZoneInfo) -> Any:
    if isinstance(told, list):
        return [_tell_times(part, zone) for part in told]
    if not isinstance(told, dict):
        return told
    return {name: _tell_time(part, zone) if name in TIMES else _tell_times(part, zone) for name, part in told.items()}


def _tell_time(seconds: int, zone: ZoneInfo) -> str:
    return localise(seconds * SECOND, zone).isoformat()
