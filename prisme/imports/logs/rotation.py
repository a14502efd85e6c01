"""The order of rotated files."""

from collections.abc import Sequence
from pathlib import Path


def order_files(files: Sequence[Path]) -> list[Path]:
    """The files as they are named."""
    return list(files)
