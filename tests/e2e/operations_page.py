"""The code blocks of docs/operations.md."""

import re

from tests.checkout import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()


def block(language: str, part: str) -> str:
    """The page's only block of a language that has `part` in it."""
    (found,) = (
        str(text) for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if part in text
    )
    return found
