"""Random UUIDs (RFC 9562) as text, several times faster than with the standard library, which creates objects."""

import os

# Map a random byte to one whose upper four bits are the version, 4, or whose upper two bits are the variant, 0b10.
_VERSION = bytes(0x40 | byte & 0x0F for byte in range(256))
_VARIANT = bytes(0x80 | byte & 0x3F for byte in range(256))


def uuid4s(count: int) -> list[str]:
    """Random ids (version 4, section 5.4), with one system call for all: one call per id would cost 1 us each."""
    noise = os.urandom(16 * count)
    heads, tails = noise[: 4 * count].hex("-", 4), noise[4 * count : 10 * count].hex("-", 6)
    middles = bytearray(noise[10 * count :])
    middles[2::6] = middles[2::6].translate(_VERSION)
    middles[4::6] = middles[4::6].translate(_VARIANT)
    between = middles.hex("-", 2)
    return [
        f"{head}-{between[at : at + 14]}-{tail}"
        for head, at, tail in zip(heads.split("-"), range(0, 15 * count, 15), tails.split("-"), strict=True)
    ]
