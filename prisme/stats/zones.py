"""Time zones by name, from the package `tzdata` alone.

The files of the system may be years older, differ between servers, and include names such as `localtime`.
"""

import functools
from importlib.resources import files
from zoneinfo import ZoneInfo


def open_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name, always the same object. Raises KeyError for an unknown name."""
    if name not in list_zones():
        raise KeyError(name)
    return _read(name)


@functools.cache
def list_zones() -> frozenset[str]:
    """Return the names of all zones."""
    return frozenset((files("tzdata") / "zones").read_text().split())


# As many as there are names: some 600.
@functools.cache
def _read(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)
