"""The six colours of the map and the heat map."""


def level(value: float, highest: float) -> int:
    """The colour of a value, from 0 (none) to 5 (near the highest)."""
    return 0 if not value or not highest else max(1, min(5, int(value * 5 / highest + 0.999999)))


def list_ranges(highest: int) -> list[tuple[int, int, int]]:
    """Each colour with the first and the last whole number that has it, up to `highest`.

    If the highest number is below 5, some colours have none: their first number is above the last one.
    """
    lasts = [highest * number // 5 for number in range(6)]
    return [(0, 0, 0), *((number, lasts[number - 1] + 1, lasts[number]) for number in range(1, 6))]
