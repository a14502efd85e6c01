"""docs/privacy.md promises nothing that no test holds: `privacy.txt` names the tests of each of its sentences."""

import re
from collections import Counter
from typing import Final

import pytest

from tests.checkout import ROOT

PAGE: Final = (ROOT / "docs" / "privacy.md").read_text()
# Why a sentence may have no test.
REASONS: Final = {
    "advice": "It says what others decide, or should do.",
    "caveat": "It says what is not promised.",
    "heading": "It says what is below, or where.",
}
TESTS: Final = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")
SENTENCE: Final = re.compile(r".+?(?:[.:!?][)*]*(?= [A-Z`*(\[])|$)")


def split_page(page: str) -> list[str]:
    """The sentences of a page, and the rows of its tables; its last section is tested as a whole, by its queries."""
    found: list[str] = []
    for block in re.split(r"\n(?=- |\||#|\n)", page.partition("\n## Delete\n")[0]):
        text = " ".join(block.split())
        if re.fullmatch(r"(?:#.*|[|\- :]*)", text):
            continue
        found += [text] if text.startswith("|") else map(str.strip, SENTENCE.findall(text.removeprefix("- ")))
    return found


def read_tests(text: str) -> list[tuple[str, list[str]]]:
    """Sentences, each with the indented lines below it: tests, or a reason."""
    read: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("    "):
            read[-1][1].append(line.strip())
        elif line:
            read.append((line, []))
    return read


HELD: Final = read_tests((ROOT / "tests" / "privacy.txt").read_text())


def test_each_sentence_is_held_and_nothing_else() -> None:
    """One that is new, or says something else now, needs a look at its tests."""
    assert [sentence for sentence, _ in HELD] == split_page(PAGE)


@pytest.mark.parametrize(("sentence", "holders"), HELD, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_what_holds_it_is_there(sentence: str, holders: list[str]) -> None:
    assert holders, sentence
    assert max(Counter(holders).values()) == 1
    for holder in holders:
        if holder in REASONS:
            assert len(holders) == 1
            continue
        found = TESTS.fullmatch(holder)
        assert found, holder
        assert f"\ndef {found[2]}(" in (ROOT / found[1]).read_text(), f"{holder} is no test"


def test_numbers_and_times_have_tests() -> None:
    """A promise of how long or how much is never a caveat alone."""
    times = re.compile(r"\b(?:\d[\d,]* (?:minutes|hours|bits|pages|bytes)|midnight|hour|a minute|a second|day)\b")
    bare = [sentence for sentence, holders in HELD if times.search(sentence) and set(holders) & set(REASONS)]
    assert bare == []


@pytest.mark.parametrize(
    ("page", "sentences"),
    [
        ("# Title\n\nOne. Two is\nlonger: yes.\n", ["One.", "Two is longer: yes."]),
        ("- One.\n- `Two`. (Three.)\n", ["One.", "`Two`.", "(Three.)"]),
        (
            "Text.\n\n| a | b |\n|---|---|\n| c. D | e |\n\n**Bold.** More.\n",
            ["Text.", "| a | b |", "| c. D | e |", "**Bold.**", "More."],
        ),
        ("Kept.\n\n## Delete\n\nNot.\n", ["Kept."]),
    ],
)
def test_pages_are_split(page: str, sentences: list[str]) -> None:
    assert split_page(page) == sentences
