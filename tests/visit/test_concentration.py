import pytest

from prisme.visit.concentration import LATEST, Concentration


@pytest.mark.parametrize(
    ("keys", "share", "visits"),
    [
        pytest.param([], 0.0, 0, id="none"),
        pytest.param([1], 1.0, 1, id="one"),
        pytest.param([1, 2, 1, "x"], 0.5, 4, id="half"),
        pytest.param([1] * LATEST, 1.0, LATEST, id="as many as are looked at"),
        pytest.param([1] * LATEST + [2] * (LATEST // 4), 0.75, LATEST, id="the oldest leave"),
        pytest.param([1] * LATEST + [2] * LATEST * 3, 1.0, LATEST, id="all left"),
        pytest.param([*range(5 * LATEST)], 1 / LATEST, LATEST, id="each once"),
    ],
)
def test_share(keys: list[int | str], share: float, visits: int) -> None:
    concentration = Concentration()
    for key in keys:
        concentration.add(key)
    assert concentration.share() == (share, visits)
    assert len(concentration._keys) == visits
