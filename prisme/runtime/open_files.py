"""The open files and connections of this process: their limit, and the standard streams."""

import os
import resource


def allow_open_files(wanted: int) -> int:
    """Raise the soft limit to `wanted` if it is lower, as far as the hard limit allows; returns the new limit.

    Most systems start programs with a soft limit of 1,024, which they may raise themselves.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < least:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
        soft = least
    return wanted if soft == resource.RLIM_INFINITY else soft


def open_standard_streams() -> None:
    """Open `/dev/null` as each standard stream that is closed: otherwise, the next file that is opened takes its place.

    All that is written to the stream, such as the log, would go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
