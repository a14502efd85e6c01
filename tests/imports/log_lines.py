"""Lines of an access log, as nginx writes them."""

import time
from collections.abc import Iterable

from tests.server import CHROME

START = 1_788_220_800  # 2026-09-01, UTC


def line(number: int, path: str = "", *, at: int | None = None, status: int = 200, agent: str = CHROME) -> str:
    """A line; two in a row are of one visitor."""
    moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(START + number * 10 if at is None else at))
    visitor = number // 2
    return (
        f"100.{visitor >> 16 & 255}.{visitor >> 8 & 255}.{visitor & 255} - - [{moment}] "
        f'"GET {path or f"/p/{number}"} HTTP/1.1" {status} 102 "-" "{agent}"'
    )


def text(numbers: Iterable[int]) -> str:
    """Lines of a log."""
    return "".join(f"{line(number)}\n" for number in numbers)
