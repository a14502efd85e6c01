"""The six colours of the map and the heat map."""


def level(value: float, highest: float) -> int:
    """The colour of a value, from 0 (none) to 5 (near the highest)."""
    return 0 if not value or not highest else max(1, min(5, int(value * 5 / highest + 0.999999)))
