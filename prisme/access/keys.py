"""Things that only one side should know: passwords, and keys that we make. Only hashes of them are stored."""

import functools
import hashlib
import secrets
from typing import Final

import argon2

from prisme.access.grants import AccessError

SHORTEST: Final = 10
LONGEST: Final = 256
TOKEN: Final = "prtok_"  # noqa: S105  # a prefix, so that scanners for leaked secrets can know them
SHARE: Final = "prshare_"
# OWASP's least for Argon2id: 19 MiB and two passes. More would be felt on a machine with 1 GB: it is `hash`'s peak.
_HASHER: Final = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """Argon2id, with its salt and parameters. AccessError for what is no good password. Takes some 30 ms."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccessError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether the password is the hashed one; without a hash it takes as long, and is False."""
    try:
        _HASHER.verify(hashed or _nobodys(), password[: LONGEST + 1].encode("utf-8", "surrogatepass"))
    except argon2.exceptions.VerifyMismatchError:
        return False
    return hashed is not None


def make_key(prefix: str = "") -> str:
    """A new key: 32 random bytes, in the alphabet of URLs."""
    return prefix + secrets.token_urlsafe(32)


def digest(key: str) -> bytes:
    """What is stored of a key. One fast hash is enough, as nobody can try 2^256 keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


@functools.cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_bytes(16))
