"""The table of log formats: how each is recognised, and what parses its lines."""

from collections.abc import Callable
from typing import Final, NamedTuple

from prisme.imports.logs import asgi, bunny, caddy, combined, haproxy, json_lines, squid, w3c
from prisme.imports.logs.line import LogLine
from prisme.imports.reading import Reading

# Gives a pageview, or why the line is none (a phrase for `Tally.skip`), or None where it cannot be read.
Parse = Callable[[bytes], LogLine | str | None]


def _always(_head: bytes) -> bool:
    return True


def _never(_head: bytes) -> bool:
    return False


class LogFormat(NamedTuple):
    """A format of logs. All functions get the first bytes of a file, decompressed, at most 64 KiB.

    `make` gives the parser for that file, and raises InputError where an option is missing. `has_agents` is whether its
    lines have the User-Agent: of one that has none, nothing can be refused as a bot.
    """

    name: str
    recognise: Callable[[bytes], bool]
    make: Callable[[bytes, Reading], Parse]
    has_agents: Callable[[bytes], bool] = _always


# The first one that recognises a file reads it.
PARSERS: Final = (
    LogFormat("Caddy", caddy.recognise, caddy.make, caddy.has_agents),
    LogFormat("JSON", json_lines.recognise, json_lines.make, json_lines.has_agents),
    LogFormat("W3C extended", w3c.recognise, w3c.make, w3c.has_agents),
    LogFormat("Bunny", bunny.recognise, bunny.make),
    LogFormat("HAProxy httplog", haproxy.recognise, haproxy.make, haproxy.has_agents),
    LogFormat("Granian", asgi.recognise_granian, asgi.make_granian, _never),
    LogFormat("Hypercorn", asgi.recognise_hypercorn, asgi.make_hypercorn),
    LogFormat("Uvicorn", asgi.recognise_uvicorn, asgi.make_uvicorn),
    LogFormat("squid", squid.recognise, squid.make, _never),
    LogFormat("combined", combined.recognise, combined.make, combined.has_agents),
)


def find_format(head: bytes) -> LogFormat | None:
    """The format of a file with these first bytes, or None."""
    return next((found for found in PARSERS if found.recognise(head)), None)
