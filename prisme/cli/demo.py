"""`prisme demo`: a throw-away folder with made-up traffic, and the real server on it, to look around."""

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
from prisme.runtime.config import Mistakes, load

SUMMARY = "look around first: a server with made-up visits, gone when it stops"

_ABOUT = """\
Fill a throw-away folder with the visits of two made-up sites, by the same rules and the
same journal as real ones, and serve it until Ctrl-C. Nothing of it stays.
"""
_MOST_VISITS = 1_000_000
_MOST_DAYS = 1000


def command(words: Sequence[str]) -> int:
    """Fill and serve. The exit code: 0 after a clean stop, 1 where it failed, 2 wrong usage, 130 after Ctrl-C."""
    flags = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="prisme-demo-") as folder:
            return _fill_and_serve(flags, Path(folder))
    except Mistakes as mistakes:
        print("\n".join(f"prisme demo: {message}" for message in mistakes.messages), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nprisme demo: stopped, nothing of it is left", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser("prisme demo", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    flag = parser.add_argument
    flag("--days", type=_whole(_MOST_DAYS), default=30, metavar="N", help="days of visits, up to now; default: 30")
    flag("--visits", type=_whole(_MOST_VISITS), default=5000, metavar="N", help="visits in all; default: 5000")
    flag("--port", type=int, default=8000, metavar="N", help="where to listen, on this machine alone; default: 8000")
    flag("--seed", type=int, default=1, metavar="N", help="another number makes other visits; default: 1")
    return parser


def _whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and 0 < int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")

    return read


def _fill_and_serve(flags: argparse.Namespace, folder: Path) -> int:
    # These take a while to import; `--help` need not wait for them.
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
        # On a terminal, each line takes the place of the one before.
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
        print(f"\nprisme demo: this should not be: {error}", file=sys.stderr)
        return 1
    setup = Setup()
    stored = ", ".join(f"{count} of {kind}" for kind, count in sorted(filled.stored.items()))
    print(
        f"\n{sum(filled.stored.values())} events stored ({stored}), "
        f"{filled.bots} of bots refused, in {time.monotonic() - began:.1f} s\n\n"
        f"Make yourself an account, and look at the figures of {' and '.join(SITES)}:\n"
        f"  {setup.link('http', config.host, config.port)}\n\nCtrl-C ends it; nothing stays.\n",
        file=sys.stderr,
        flush=True,
    )
    return run(config, notices, setup)


def _stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(number)
