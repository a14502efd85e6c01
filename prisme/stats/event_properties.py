"""Properties of custom events as SQL expressions: the text of one, and the number that it is."""

from typing import Final

from prisme.stats.filters import Bind

# Sums are exact: each number is rounded to this many digits after the point, half away from zero.
_DIGITS: Final = 4
_AMOUNT: Final = f"DECIMAL(18, {_DIGITS})"
_NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"


def property_text(name: str, bind: Bind) -> str:
    """Return an expression: the value of an event's property as text, NULL if it has none or is null.

    Of a name that an event repeats, the last value counts, as in JSON parsers; a pointer finds the first one.
    """
    # JSON Pointer (RFC 6901): a name may contain any character.
    bound, pointer = bind(name), bind("/" + name.replace("~", "~0").replace("/", "~1"))
    names = "json_keys(properties)"
    last = f"(len({names}) + 1 - list_position(list_reverse({names}), {bound}))"
    return (
        f"CASE WHEN list_position({names}, {bound}) < {last} THEN (properties->>'$.*')[{last}] "
        f"ELSE properties->>{pointer} END"
    )


def property_amount(name: str, bind: Bind) -> str:
    """Return an expression: the number that a property is, also one in a text; NULL if it is none, or 10^14 and more.

    It has four digits after the point.
    """
    text = property_text(name, bind)
    return f"CASE WHEN regexp_full_match({text}, {bind(_NUMBER)}) THEN TRY_CAST({text} AS {_AMOUNT}) END"


def property_currency(name: str, bind: Bind) -> str:
    """Return an expression: the three letters of a currency in upper case; empty for any other value, or none."""
    text = property_text(name, bind)
    return f"CASE WHEN regexp_full_match({text}, {bind('[A-Za-z]{3}')}) THEN upper({text}) ELSE '' END"
