"""The zone of logs whose times have none."""

import datetime

from prisme.base.errors import InputError
from prisme.imports.reading import Reading


def need_zone(reading: Reading) -> datetime.tzinfo:
    """The zone that was given. Raises InputError."""
    if reading.zone is None:
        raise InputError("the log's times have no time zone: name the server's with --time-zone Europe/Paris")
    return reading.zone
