"""Passwords, and the random keys of log-ins, tokens and share links. Only hashes of them are stored."""

import functools
import hashlib
import secrets
from typing import Final

import argon2

from prisme.access.grants import AccessError

MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 256
# Prefixes, so that scanners for leaked secrets can recognise the keys.
TOKEN_PREFIX: Final = "prtok_"  # noqa: S105
SHARE_PREFIX: Final = "prshare_"
# OWASP's minimum for Argon2id: 19 MiB and two passes. More memory would be a burden on a machine with 1 GB.
_HASHER: Final = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """The Argon2id hash with its salt and parameters, in about 30 ms. Raises AccessError for a wrong length."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccessError("a password must have {least} to {most} characters", least=MIN_PASSWORD, most=MAX_PASSWORD)
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether the password matches the hash. Without a hash, the result is False and takes the same time."""
    try:
        _HASHER.verify(hashed or _dummy_hash(), password[: MAX_PASSWORD + 1].encode("utf-8", "surrogatepass"))
    except argon2.exceptions.VerifyMismatchError:
        return False
    return hashed is not None


def make_key(prefix: str = "") -> str:
    """A new key: 32 random bytes in URL-safe base64, after `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def digest(key: str) -> bytes:
    """The SHA-256 hash of a key, which is stored. A fast hash is enough, as nobody can try 2^256 keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


@functools.cache
def _dummy_hash() -> str:
    return _HASHER.hash(secrets.token_bytes(16))
