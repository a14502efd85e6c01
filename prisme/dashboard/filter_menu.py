"""The form that adds a filter: its fields and operators, and what is said where nothing matches."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.filter_chips import TITLES, name_field
from prisme.dashboard.sites import choose_domains
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.columns import RARE
from prisme.stats.filters import DOMAIN, GOAL, PROPERTY

# The field that is chosen at first, and those that follow it.
_FIRST: Final = ("path", "entry-path", "exit-path")
# Properties in the form, the most frequent ones, and how long their names may be there: others are in URLs alone.
MOST_PROPERTIES: Final = 30
_LONGEST_NAME: Final = 64


class FilterForm(msgspec.Struct, frozen=True):
    """The form: `fields` and `properties` as values and titles of options, and what was entered."""

    fields: list[tuple[str, str]]
    properties: list[tuple[str, str]]
    field: str = _FIRST[0]
    operator: str = filter_terms.IS
    value: str = ""

    @property
    def operators(self) -> list[tuple[str, str]]:
        """The values and titles of the options."""
        return [(name, translate(title)) for name, title in filter_terms.OPERATORS.items()]


def build_filter_form(
    state: UrlState, domains: Sequence[str], properties: Iterable[object], rare: Collection[str]
) -> FilterForm:
    """The form of a page, with nothing entered. `domains` are the sites that the viewer may see.

    `properties` are the names of custom events' properties, the most frequent ones first; `rare` are those of
    `RARE` that there are.
    """
    hidden = {name for name in RARE if name not in rare}
    if len(choose_domains(state, domains)) == 1:
        hidden.add(DOMAIN)
    rest = [name for name in TITLES if name not in _FIRST and name not in hidden]
    chosen = [name.removeprefix(PROPERTY) for name in state.parameters if name.startswith(PROPERTY)]
    names = [name for name in dict.fromkeys([*chosen, *map(str, properties)]) if 0 < len(name) <= _LONGEST_NAME]
    return FilterForm(
        [(name, translate(TITLES[name])) for name in (*_FIRST, *rest)],
        [(PROPERTY + name, name) for name in names[:MOST_PROPERTIES]],
    )


def keep_entry(form: FilterForm, field: str, operator: str, value: str) -> FilterForm:
    """The form with what was entered."""
    properties = form.properties
    if field.startswith(PROPERTY) and field not in dict(properties):
        properties = [(field, field.removeprefix(PROPERTY)), *properties]
    return FilterForm(form.fields, properties, field, operator, value)


def describe_no_match(name: str, text: str) -> str:
    """What is said where no value of the filter `name` matches a text."""
    if name == DOMAIN:
        return translate("No site matches “{text}”", text=text)
    if name == GOAL:
        return translate("No goal matches “{text}”", text=text)
    if name.startswith(PROPERTY):
        return translate(
            "No value of {name} matches “{text}” in this period", name=name.removeprefix(PROPERTY), text=text
        )
    title = name_field(name)
    noun = title if title.startswith("UTM") else title[0].lower() + title[1:]
    return translate("No {name} matches “{text}” in this period", name=noun, text=text)
