"""A spark line: the values of a row as an SVG path, without axes."""

from collections.abc import Sequence
from typing import Final

# Units of the SVG; the line stays half a stroke away from its edges.
WIDTH: Final = 100
HEIGHT: Final = 20
_MARGIN: Final = 1


def draw_sparkline(values: Sequence[int]) -> str:
    """The path of values from left to right, the highest at the top and 0 at the bottom; empty for less than two."""
    if len(values) < 2:
        return ""
    highest, width, height = max(*values, 1), WIDTH / (len(values) - 1), HEIGHT - 2 * _MARGIN
    points = ((number * width, _MARGIN + height - height * value / highest) for number, value in enumerate(values))
    return "M" + "L".join(f"{round(x, 1):g} {round(y, 1):g}" for x, y in points)
