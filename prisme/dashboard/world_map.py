"""The world map of sessions by country, as SVG paths."""

from functools import cache

import iso3166
import msgspec

from prisme import assets
from prisme.dashboard import color_scale, countries
from prisme.dashboard.lists import frame_rows
from prisme.dashboard.number_format import format_exact
from prisme.stats.frames import Frame


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
    """One or several countries of the same colour; `level` is that of `color_scale`, `title` the tooltip."""

    path: str
    title: str
    level: int


class _Stored(msgspec.Struct):
    width: int
    height: int
    countries: list[tuple[str, str]]


@cache
def load_world() -> World:
    """The bundled map."""
    stored = msgspec.json.decode(assets.WORLD.read_bytes(), type=_Stored)
    by_number = iso3166.countries_by_numeric
    shapes = [Shape(by_number[number].alpha2 if number in by_number else "", path) for number, path in stored.countries]
    return World(stored.width, stored.height, shapes)


def build_areas(sessions: Frame) -> list[Area]:
    """One area for all countries without sessions, then one for each of the others."""
    counts = {str(key): value for key, value in frame_rows(sessions) if key != countries.UNKNOWN}
    highest = max(counts.values(), default=0)
    shapes = load_world().shapes
    empty = "".join(shape.path for shape in shapes if shape.code not in counts)
    return [
        Area(empty, "", 0),
        *(_build_area(shape, counts[shape.code], highest) for shape in shapes if shape.code in counts),
    ]


def _build_area(shape: Shape, count: float, highest: float) -> Area:
    title = f"{countries.find_name(shape.code)}: {format_exact(count)}"
    return Area(shape.path, title, color_scale.level(count, highest))
