"""The limit on open files and connections of this process."""

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
