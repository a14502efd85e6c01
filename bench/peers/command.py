"""`python -m bench --against URL`: its flags, and what it says at the end."""

import argparse
import sys
from urllib.parse import urlsplit

import msgspec

from bench import command, table
from bench.peers.peer import Peer
from bench.peers.run import run
from bench.peers.tracker import TRACKERS
from bench.server import SITE, ServerError
from bench.wrk import Load, WrkError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    flags = parser.add_argument_group("beside a running server of another program, such as http://localhost:8080")
    flag = flags.add_argument
    flag("--against", metavar="URL", help="the server; it gets the requests of its own tracker")
    flag("--tracker", choices=TRACKERS, help="whose requests")
    names = ", ".join(f"{name}: {one.site}" for name, one in TRACKERS.items() if one.site != "not sent")
    flag("--site", default=SITE, help=f"the site in the requests ({names}; default: {SITE})")
    flag("--pid", type=command.whole, default=0, help="its main process, for its CPU and memory")
    flag("--stored", metavar="COMMAND", default="", help="prints how many pageviews it has stored")


def measure(flags: argparse.Namespace, load: Load, rounds: int) -> int:
    """The exit code: 0 for success, 1 for a failed run, 2 for wrong usage."""
    url = urlsplit(flags.against)
    if flags.tracker is None or url.scheme != "http" or not url.hostname or url.path not in ("", "/"):
        print("bench: --against takes an address such as http://localhost:8080, and --tracker a name", file=sys.stderr)
        return 2
    tracker = TRACKERS[flags.tracker]
    name = "other prisme" if flags.tracker == "prisme" else flags.tracker
    peer = Peer(name, url.hostname, url.port or 80, flags.pid, flags.stored)
    load = msgspec.structs.replace(load, work=f"trackers/{tracker.work}", host=url.hostname, site=flags.site)
    print(f"{peer.name} and Prisme: {rounds} rounds of {load.seconds} s, each server in turn", flush=True)
    try:
        result = run(peer, tracker, load, rounds, lambda line: print(line, flush=True))
    except (ServerError, WrkError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    names = f"latest-{flags.tracker}", f"{flags.keep}-{flags.tracker}" if flags.keep else None
    return command.finish(result, names, result.failures, lambda: table.render(result), None)
