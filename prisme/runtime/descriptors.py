"""How many files and connections this process may have open at once."""

import resource


def allow_open_files(wanted: int) -> int:
    """Raise the soft limit to `wanted`, where it is lower, as far as the hard one lets us; gives the limit.

    Systems mostly start programs with 1,024 and let them raise it by themselves.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < least:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
        soft = least
    return wanted if soft == resource.RLIM_INFINITY else soft
