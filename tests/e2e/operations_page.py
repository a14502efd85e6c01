"""The code blocks of docs/operations.md and docs/backup.md."""

import re

from tests.checkout import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
BACKUP = (ROOT / "docs" / "backup.md").read_text()


def block(language: str, part: str, page: str = PAGE) -> str:
    """The only block of a page in a language that has `part` in it."""
    (found,) = (
        str(text) for text in re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) if part in text
    )
    return found
