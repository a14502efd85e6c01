"""The value of one property of a custom event, as SQL."""

from collections.abc import Callable
from typing import Any, Final

from prisme.stats.sql import load_sql

_VALUE: Final = load_sql("property_value")


def property_value(name: str, bind: Callable[[Any], str]) -> str:
    """Return an SQL expression on the rows of `events_custom`: the value as text, NULL if the event has none.

    `bind` binds a value, and returns the name of its parameter.
    """
    # JSON Pointer (RFC 6901): a name may contain any character.
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return _VALUE.format(name=bind(name), pointer=bind(pointer))
