"""The value of one property of a custom event, as SQL."""

from collections.abc import Callable
from typing import Any

from prisme.stats.dialect import Dialect


def property_value(name: str, bind: Callable[[Any], str], dialect: Dialect) -> str:
    """Return an SQL expression on the rows of `events_custom`: the value as text, NULL if the event has none.

    `bind` binds a value, and returns the name of its parameter.
    """
    # JSON Pointer (RFC 6901): a name may contain any character.
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return dialect.sql("property_value").format(name=bind(name), pointer=bind(pointer))
