"""What was worked out before, without the order in which it was used.

The standard library's `lru_cache` moves each entry that it finds to the end of a chain: four more places in memory,
none of which is in the processor's cache when there are thousands of visitors.
"""

import sys
from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key", bound=bytes | str)
Value = TypeVar("Value")


class Memo(dict[Key, Value]):
    """`memo[key]` is what `make` gives for it. When there are `most` keys, it forgets them all.

    With `longest`, no key that is longer stays. For any thread: at worst, something is worked out twice.
    """

    def __init__(self, make: Callable[[Key], Value], most: int, longest: int = sys.maxsize) -> None:
        super().__init__()
        self._make = make
        self._most = most
        self._longest = longest

    def __missing__(self, key: Key) -> Value:
        value = self._make(key)
        if len(key) > self._longest:
            return value
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
