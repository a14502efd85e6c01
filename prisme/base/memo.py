"""A cache of computed values that does not track the order of use.

The standard library's `lru_cache` moves each entry that is used to the end of a linked list: four more memory accesses,
which miss the processor's cache when there are thousands of visitors.
"""

import sys
from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key", bound=bytes | str)
Value = TypeVar("Value")


class Memo(dict[Key, Value]):
    """`memo[key]` is `make(key)`, computed once. At `most` keys, all are removed.

    Keys longer than `longest` are not stored. Thread-safe: at worst, a value is computed twice.
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
