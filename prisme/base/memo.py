"""A cache of computed values that does not track the order of use.

The standard library's `lru_cache` moves each entry that is used to the end of a linked list: four more memory accesses,
which miss the processor's cache when there are thousands of visitors.
"""

import sys
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, TypeVar

Key = TypeVar("Key", bound=bytes | str)
Value = TypeVar("Value")
_ABSENT: Final[Any] = object()
_HASHER: Final = blake2b(digest_size=16)
_QUERY, _FRAGMENT, _USER = b"?#@"  # as numbers: finding these takes a tenth of finding bytes


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


class UrlMemo(Memo[bytes, Value]):
    """A memo by URL that retains no query, fragment or user info: the key of a URL with one of them is a hash.

    A URL without them, as most are, is looked up as it is; hashing takes 1 us. Nobody can make two URLs with the same
    hash (BLAKE2b, 128 bits), nor replace the value of another URL by sending its hash: a key with `?` is never stored
    as it is.
    """

    def __missing__(self, key: bytes) -> Value:
        if len(key) > self._longest:
            return self._make(key)
        url = key
        if _QUERY in url or _FRAGMENT in url or _USER in url:
            hasher = _HASHER.copy()  # takes a third less than a new one
            hasher.update(url)
            key = b"?" + hasher.digest()
            value: Value = self.get(key, _ABSENT)
            if value is not _ABSENT:
                return value
        value = self._make(url)
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
