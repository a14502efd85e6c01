"""Times in exports, as Prisme has them: microseconds since the Unix epoch."""

import datetime
import re
from typing import Final

# With seconds, unlike most texts that are cut. ClickHouse has 9 decimals at most.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?")
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def read_time(text: str) -> int | None:
    """A date and time of RFC 3339, ISO 8601, Postgres or ClickHouse, in UTC where it names no zone; None of others."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    day, time, decimals, zone = match.groups("")
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{time}{'Z' if zone in ('', 'UTC') else zone}")
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND + int(f"{decimals:0<6}"[:6])
