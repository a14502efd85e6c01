"""`prisme demo`: fills a temporary folder with sample traffic, and runs the server on it."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from prisme.cli.parser import Parser
from prisme.runtime.config import ConfigError, load

SUMMARY = "run a server with sample data, which is deleted when it stops"

_ABOUT = """\
Fill a temporary folder with sample visits to two sites, processed in the same way as real
ones, and serve it until Ctrl-C. The folder is then deleted.
"""
_MOST_VISITS = 1_000_000
_MOST_DAYS = 1000


def command(words: Sequence[str]) -> int:
    """Fill and serve. The exit code: 0 after a clean stop, 1 after a failure, 2 for wrong usage, 130 after Ctrl-C."""
    flags = make_parser().parse_args(words)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="prisme-demo-") as folder:
            return _fill_and_serve(flags, Path(folder))
    except ConfigError as error:
        print("\n".join(f"prisme demo: {message}" for message in error.messages), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nprisme demo: stopped, all its data is deleted", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of `prisme demo`."""
    parser = Parser("prisme demo", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("--days", type=_up_to(_MOST_DAYS), default=30, metavar="N", help="days of visits, up to now; default: 30")
    flag("--visits", type=_up_to(_MOST_VISITS), default=5000, metavar="N", help="number of visits; default: 5000")
    flag(
        "-p",
        "--port",
        type=int,
        default=8000,
        metavar="N",
        help="port to listen on, on this machine only; default: 8000",
    )
    flag("--seed", type=int, default=1, metavar="N", help="seed of the random visits; default: 1")
    return parser


def _up_to(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and 0 < int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")

    return read


def _fill_and_serve(flags: argparse.Namespace, folder: Path) -> int:
    # Imported late, as they take a while to import.
    from prisme.access.setup import Setup
    from prisme.demo.filling import DemoError, fill
    from prisme.demo.traffic import DAY, SITES, make_traffic
    from prisme.serve import run

    options = {
        "host": "127.0.0.1",
        "port": str(flags.port),
        "data-dir": str(folder),
        "origins": ",".join((*SITES, "localhost", "127.0.0.1")),
        "access-log": "",
        "admin-hostport": "",
    }
    config, notices = load({f"--{name}": value for name, value in options.items()}, {}, folder)
    now = time.time_ns() // 1000
    start = (now - flags.days * DAY) // DAY * DAY
    began = time.monotonic()

    def progress(sent: int, at: int) -> None:
        day = datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d")
        # On a terminal, each line overwrites the one before.
        lead, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
        print(
            f"{lead}{(at - start) * 100 // (now - start):3d}%  {day}  {sent} events",
            end=end,
            file=sys.stderr,
            flush=True,
        )

    try:
        filled = fill(config, make_traffic(start, now, flags.visits, flags.seed), start, progress)
    except DemoError as error:
        print(f"\nprisme demo: internal error: {error}", file=sys.stderr)
        return 1
    setup = Setup()
    counts = ", ".join(f"{event_type}: {count}" for event_type, count in sorted(filled.stored.items()))
    print(
        f"\n{sum(filled.stored.values())} events stored ({counts}), "
        f"{filled.bots} bot events rejected, in {time.monotonic() - began:.1f} s\n\n"
        f"Create an account to see the figures of {' and '.join(SITES)}:\n"
        f"  {setup.link(f'http://{config.host}:{config.port}')}\n\nPress Ctrl-C to stop and delete everything.\n",
        file=sys.stderr,
        flush=True,
    )
    return run(config, notices, setup)


def _stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(number)
