"""What changed, in one sentence."""

import pytest

from prisme.dashboard.changes import summarise

ROWS = [
    ("Direct", 500, 100),
    ("Hacker News", 10, 66),
    ("/blog/", 0, 20),
    ("Germany", 40, 13),
    ("Spain", 9, -9),
    ("Bing", 1, 2),
]


@pytest.mark.parametrize(
    ("now", "before", "rows", "sentence"),
    [
        # Direct grew as the whole did.
        (123, 100, ROWS, "Visitors up 23%: Hacker News +66, /blog/ +20, Germany +13"),
        (80, 100, ROWS, "Visitors down 20%: Spain \N{MINUS SIGN}9"),
        (95, 100, ROWS[:2], "Visitors down 5.0%"),
        (2_469, 1_000, [("/", 0, 1_469)], "Visitors up 147%: / +1,469"),
        (101, 100, ROWS, "Visitors: about the same as before"),
        (0, 100, [], "Visitors down 100%"),
        (1_200, 0, ROWS, "Visitors: 1,200, none before"),
        (0, 0, [], "No visitors, as before"),
    ],
)
def test_a_sentence_says_what_changed(
    now: float, before: float, rows: list[tuple[str, float, float]], sentence: str
) -> None:
    assert summarise("Visitors", now, before, rows) == sentence
    # Only rows that are named have a unit.
    words = f"{sentence} sessions" if " up " in sentence or "Spain" in sentence else sentence
    assert summarise("Visitors", now, before, rows, "sessions") == words
