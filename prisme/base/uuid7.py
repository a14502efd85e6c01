"""Version 7 UUIDs (RFC 9562, section 5.7): time ordered, so that the store finds a session by its time alone."""


def uuid7(now: int, noise: int) -> str:
    """The hyphenated text for `now` (microseconds since 1970) and 62 random bits.

    `rand_a` holds the part of the millisecond that has passed (section 6.2, method 3), so that ids of one
    millisecond sort by their time as well.
    """
    milliseconds, rest = divmod(now, 1000)
    text = f"{milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1000) << 64 | 0b10 << 62 | noise:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
