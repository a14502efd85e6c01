"""Numbers and currencies among the properties of custom events, as SQL expressions."""

from typing import Final

from prisme.stats.dialect import Dialect
from prisme.stats.filters import Bind
from prisme.stats.properties import property_value

# Sums are exact: each number is rounded to this many digits after the point, half away from zero.
_DIGITS: Final = 4
_NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"


def property_amount(name: str, bind: Bind, dialect: Dialect) -> str:
    """Return an expression: the number that a property is, also one in a text; NULL if it is none, or 10^14 and more.

    It has four digits after the point.
    """
    text = property_value(name, bind, dialect)
    return f"CASE WHEN {dialect.matches(text, bind(_NUMBER))} THEN {dialect.amount(text, _DIGITS)} END"


def property_currency(name: str, bind: Bind, dialect: Dialect) -> str:
    """Return an expression: the three letters of a currency in upper case; empty for any other value, or none."""
    text = property_value(name, bind, dialect)
    return f"CASE WHEN {dialect.matches(text, bind('[A-Za-z]{3}'))} THEN upper({text}) ELSE '' END"
