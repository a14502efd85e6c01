"""The values that a filter may have, as people see them: those of a period, the most frequent ones first."""

import difflib
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import msgspec

from prisme.dashboard import display
from prisme.dashboard.list_types import LIST_TYPES, stats_name
from prisme.dashboard.lists import frame_rows
from prisme.dashboard.row_labels import label_row
from prisme.stats import filters
from prisme.stats.columns import TOPS
from prisme.stats.filters import DOMAIN, GOAL, IMPORTED, PROPERTY, Filters
from prisme.stats.frames import Frame
from prisme.stats.imported import list_imports
from prisme.stats.parameters import MOST_ROWS
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span

# The values that are looked through: as many as a list has rows.
MOST_VALUES: Final = MOST_ROWS
# The list that counts the values of each filter, the first one of several.
_LISTS: Final = {one.filter: name for name, one in reversed(LIST_TYPES.items()) if stats_name(name) in TOPS}
# Values of which those are chosen that look most like a text: more of them, or longer ones, would take too long.
_MOST_COMPARED: Final = 1_000
_LONGEST_COMPARED: Final = 100
_LEAST_LIKE: Final = 0.5


class Value(msgspec.Struct, frozen=True):
    """A value as stored, its label for people, and how often it occurs; 0 if that is not counted."""

    key: str
    label: str
    count: float = 0


class FieldValues:
    """The values of the filter `name` in a span, under the other filters among `chosen`.

    `domains` are the sites that the viewer may see, `goals` the names of the goals that a filter may have. `Reader`
    documents the errors raised.
    """

    def __init__(
        self,
        stats: Stats,
        name: str,
        chosen: Filters,
        span: Span,
        domains: Sequence[str],
        goals: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._stats = stats
        self._others = {other: one for other, one in chosen.items() if other != name}
        self._span = span
        self._domains = domains
        self._goals = goals

    @property
    def are_known(self) -> bool:
        """Whether there is a list of them."""
        return self.name in (DOMAIN, GOAL, IMPORTED) or self.name in _LISTS or self.name.startswith(PROPERTY)

    @cached_property
    def all(self) -> list[Value]:
        """At most `MOST_VALUES`, the most frequent ones first."""
        return self.read(MOST_VALUES)

    def read(self, most: int) -> list[Value]:
        """The most frequent values."""
        if self.name == DOMAIN:
            return [Value(domain, display.decode_host(domain)) for domain in self._domains[:most]]
        if self.name == GOAL:
            return [Value(goal, goal) for goal in self._goals[:most]]
        frame = self._count(self._others, most)
        values = []
        for key, count in () if frame is None else frame_rows(frame):
            self._stats.reader.check()
            values.append(Value(str(key), self._label(str(key)), count))
        return values

    def has(self, term: str) -> bool:
        """Whether the filter of this term alone matches anything. Raises InputError for an invalid term."""
        one = filters.read({self.name: term})
        if self.name == DOMAIN:
            return any((domain,) in one[DOMAIN].includes for domain in self._domains)
        if self.name == GOAL:
            return any((goal,) in one[GOAL].includes for goal in self._goals)
        frame = self._count(self._others | one, 1)
        return frame is not None and bool(frame.keys)

    def search(self, text: str, most: int) -> list[Value]:
        """The values whose label has the text in it, in any case."""
        if not text:
            return self.read(most)
        contains = match_any_case(text)
        return [value for value in self.all if contains(value.label)][:most]

    def find_nearest(self, text: str, most: int) -> list[Value]:
        """The values that look like a text; the most frequent ones if none does."""
        found = {value.label: value for value in self.search(text, most)}
        some = {
            value.label.casefold(): value
            for value in reversed(self.all[:_MOST_COMPARED])
            if len(value.label) <= _LONGEST_COMPARED
        }
        if len(text) <= _LONGEST_COMPARED:
            like = difflib.get_close_matches(text.casefold(), some, n=most, cutoff=_LEAST_LIKE)
            found |= {some[label].label: some[label] for label in like}
        return list(found.values())[:most] or self.all[:most]

    def _count(self, chosen: Filters, most: int) -> Frame | None:
        if self.name.startswith(PROPERTY):
            name = self.name.removeprefix(PROPERTY)
            return self._stats.properties(chosen, self._span, Page(most), name) if name else None
        if self.name == IMPORTED:
            return list_imports(self._stats, chosen, self._span, Page(most))
        if self.name not in _LISTS:
            return None
        listed = stats_name(_LISTS[self.name])
        return self._stats.tops([listed], chosen, self._span, Page(most))[listed]

    def _label(self, key: str) -> str:
        return label_row(_LISTS[self.name], key) if self.name in _LISTS else key


def match_any_case(text: str) -> Callable[[str], re.Match[str] | None]:
    """A function that finds a text in another one, whatever the case of its letters."""
    return re.compile(re.escape(text), re.IGNORECASE).search
