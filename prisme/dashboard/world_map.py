"""The world map: countries as SVG paths, coloured by a number, and what the colours mean."""

from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from prisme import assets
from prisme.dashboard import color_scale, countries, filter_terms
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.frames import Key

_FILTER = "country"
Format = Callable[[float], str]


class Shape(msgspec.Struct, frozen=True):
    """The SVG path of one country. `code` is empty where ISO 3166-1 has none."""

    code: str
    path: str


class World(msgspec.Struct, frozen=True):
    """All shapes; width and height of the SVG's view box."""

    width: int
    height: int
    shapes: list[Shape]


class Area(msgspec.Struct, frozen=True):
    """One or several countries of the same colour; `level` is that of `color_scale`, `title` the tooltip.

    `link` filters by the country as its row in the list does; empty for those without visits.
    """

    path: str
    title: str
    level: int
    link: str = ""


class Step(msgspec.Struct, frozen=True):
    """A colour of the legend, and the numbers that it stands for, such as `1 to 40`."""

    level: int
    text: str


class _Stored(msgspec.Struct):
    width: int
    height: int
    countries: list[tuple[str, str]]


@cache
def load_world() -> World:
    """The bundled map."""
    import iso3166

    stored = msgspec.json.decode(assets.WORLD.read_bytes(), type=_Stored)
    by_number = iso3166.countries_by_numeric
    shapes = [Shape(by_number[number].alpha2 if number in by_number else "", path) for number, path in stored.countries]
    return World(stored.width, stored.height, shapes)


def build_areas(
    state: UrlState, counts: Iterable[tuple[Key, float]], format_value: Format = format_exact
) -> list[Area]:
    """One area for all countries that are not among the counts, then one for each of the others."""
    by_code = _by_code(counts)
    highest, shapes = max(by_code.values(), default=0), load_world().shapes
    empty = "".join(shape.path for shape in shapes if shape.code not in by_code)
    shown = [(shape, by_code[shape.code]) for shape in shapes if shape.code in by_code]
    return [
        Area(empty, "", 0),
        *(
            Area(
                shape.path,
                f"{countries.find_name(shape.code)}: {format_value(count)}",
                color_scale.level(count, highest),
                state.link({_FILTER: filter_terms.toggle(state.get(_FILTER), filter_terms.make_term(shape.code))}),
            )
            for shape, count in shown
        ),
    ]


def build_legend(
    counts: Iterable[tuple[Key, float]], format_value: Format = format_exact, *, is_whole: bool = True
) -> list[Step]:
    """The colours that countries with such numbers can have; `is_whole` if these are whole numbers."""
    highest = max(_by_code(counts).values(), default=0)
    if not is_whole:
        return [
            Step(level, translate("up to {value}", value=format_value(highest * level / 5)) if level else "0")
            for level in range(6)
        ]
    steps = [(level, first, last) for level, first, last in color_scale.list_ranges(int(highest)) if first <= last]
    return [
        Step(level, format_value(first) if first == last else _describe_range(format_value(first), format_value(last)))
        for level, first, last in steps
    ]


def _describe_range(first: str, last: str) -> str:
    return translate("{first} to {last}", first=first, last=last)


def _by_code(counts: Iterable[tuple[Key, float]]) -> dict[str, float]:
    return {str(key): count for key, count in counts if key != countries.UNKNOWN}
