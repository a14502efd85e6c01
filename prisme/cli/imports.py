"""Stub."""

from collections.abc import Sequence


def list_command(words: Sequence[str]) -> int:
    """Stub."""
    return 1


def undo_command(words: Sequence[str]) -> int:
    """Stub."""
    return 1
