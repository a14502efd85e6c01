"""Countries: their names, and their shapes on the map."""

from prisme.dashboard import countries
from prisme.dashboard.world_map import load_world


def test_countries() -> None:
    assert countries.find_name("DE") == "Germany"
    assert countries.find_name("XX") == "Unknown"
    assert countries.find_name("ZZ") == "ZZ"
    codes = {shape.code for shape in load_world().shapes}
    assert {"DE", "US", "FR", "BR", "IN", "AU"} <= codes
    assert len(codes) > 170
