"""What somebody entered in the filter form, as terms of a filter: names in any case, as the page shows them."""

import re
from typing import Final

from prisme.dashboard import filter_terms
from prisme.dashboard.filter_terms import CONTAINS, CONTAINS_NOT, IS_NOT
from prisme.dashboard.filter_values import FieldValues, Value, match_any_case
from prisme.stats.columns import PLACES

# Filters whose values have names of their own: a text in a name is not in the value.
NAMED: Final = ("country", *PLACES, "device-type", "status", "domain")
# Filters with few values, all of them known: another one is a mistake.
FIXED: Final = ("country", "device-type", "domain", "goal")
# The spellings of a text that "contains" looks for, such as `blog` and `Blog`.
_MOST_SPELLINGS: Final = 8
_ENDS_WITH_STAR: Final = re.compile(r"(?<!\\)(?:\\\\)*\*\Z")
# Enough for all countries.
_MOST_NAMED: Final = 250


def read_terms(values: FieldValues, operator: str, text: str) -> list[str]:
    """The terms for what was entered; none if it matches nothing. Raises InputError for an invalid text.

    A text with a star is a filter as in the stats API, and is not looked up; nor is one of a filter without a list.
    """
    excludes = operator in (IS_NOT, CONTAINS_NOT)
    if "*" in text or not values.are_known:
        return write_terms(values.name, operator, text)
    found = _find_parts(values, text) if operator in (CONTAINS, CONTAINS_NOT) else _find_all(values, text)
    return ["!" * excludes + term for term in found]


def write_terms(name: str, operator: str, text: str) -> list[str]:
    """The terms for a text as it is. Raises InputError for an invalid one."""
    excludes = operator in (IS_NOT, CONTAINS_NOT)
    if "*" not in text:
        make = filter_terms.make_part_term if operator in (CONTAINS, CONTAINS_NOT) else filter_terms.make_term
        return [make(text, excludes=excludes)]
    terms = filter_terms.split(filter_terms.normalise(name, text))
    if operator in (CONTAINS, CONTAINS_NOT):
        terms = [term if term.startswith("!") else _open_ends(term) for term in terms]
    return ["!" + term if excludes and not term.startswith("!") else term for term in terms]


def _open_ends(term: str) -> str:
    """The term with a star at both ends."""
    start = "" if term.startswith("*") else "*"
    return start + term + ("" if _ENDS_WITH_STAR.search(term) else "*")


def write_value(value: Value) -> str:
    """What to enter for a value, so that it is found again: its label, in which a star is only a star."""
    return filter_terms.make_term(value.label) if "*" in value.label else value.label


def _find_all(values: FieldValues, text: str) -> list[str]:
    """The terms of a value, or of several that commas separate."""
    found = _find(values, text)
    if found or "," not in text:
        return found
    parts = [_find(values, part.strip()) for part in text.split(",")]
    return [term for part in parts for term in part] if all(parts) else []


def _find(values: FieldValues, text: str) -> list[str]:
    """The terms of the value that is this text, or that people see as this text."""
    if not text:
        return []
    term = filter_terms.make_term(text)
    if values.has(term):
        return [term]
    wanted = text.casefold()
    seen = [value for value in values.all if wanted in (value.label.casefold(), value.key.casefold())]
    return [filter_terms.make_value_term(values.name, value.key) for value in seen]


def _find_parts(values: FieldValues, text: str) -> list[str]:
    """The terms of the values with this text in them; each spelling that occurs is one term."""
    find = match_any_case(text)
    if values.name in NAMED:
        return [filter_terms.make_value_term(values.name, value.key) for value in values.all if find(value.label)][
            :_MOST_NAMED
        ]
    found = filter(None, (find(value.label) for value in values.all))
    return [filter_terms.make_part_term(one) for one in dict.fromkeys(match[0] for match in found)][:_MOST_SPELLINGS]
