"""`prisme demo`: fills a temporary folder with sample traffic, and runs the server on it."""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from prisme.cli.parser import Parser
from prisme.runtime.config import Config, ConfigError, load

if TYPE_CHECKING:
    from prisme.demo.waiting import WaitingServer

SUMMARY = "run a server with sample data, which is deleted when it stops"

_ABOUT = """\
Fill a temporary folder with sample visits to some sites, processed in the same way as
real ones, and serve it until Ctrl-C, while more visits come in. It shows a link that opens
the dashboard, from this machine only. The folder is then deleted.
"""
_MOST_VISITS = 1_000_000
_MOST_DAYS = 1000
# Ports that are tried one after the other.
_PORTS = 20
_BAR = 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def command(words: Sequence[str]) -> int:
    """Fill and serve. The exit code: 0 after a clean stop, 1 after a failure, 2 for wrong usage, 130 after Ctrl-C."""
    flags = make_parser().parse_args(words)
    try:
        with _handling_signals(), tempfile.TemporaryDirectory(prefix="prisme-demo-") as folder:
            try:
                return _fill_and_serve(flags, Path(folder))
            finally:
                _handle_signals(signal.SIG_IGN)  # the folder is deleted as a whole
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
    flag("--days", type=_up_to(_MOST_DAYS), default=90, metavar="N", help="days of visits, up to now; default: 90")
    flag("--visits", type=_up_to(_MOST_VISITS), default=20_000, metavar="N", help="number of visits; default: 20000")
    flag(
        "-p",
        "--port",
        type=_up_to(65_535),
        default=8000,
        metavar="N",
        help="port to listen on, on this machine only; if it is taken, the next free one; default: 8000",
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
    from prisme.demo.filling import DemoError
    from prisme.demo.live import LiveVisits
    from prisme.serve import run

    waiting, port = _claim_port(flags.port)
    if waiting is None:
        print(f"prisme demo: the ports {flags.port} to {port} are taken: choose another with --port", file=sys.stderr)
        return 1
    if port != flags.port:
        print(f"Port {flags.port} is taken: using {port}.", file=sys.stderr)
    config = _configure(folder, port)
    setup = Setup("demo")
    try:
        with waiting:
            _fill(config, flags, waiting)
    except DemoError as error:
        print(f"\nprisme demo: internal error: {error}", file=sys.stderr)
        return 1
    with LiveVisits(port, time.time_ns()):
        return run(config, [], setup)


def _claim_port(first: int) -> "tuple[WaitingServer | None, int]":
    """Listen on the port, or on one of the next ones; None if all are taken, with the last one."""
    from prisme.demo.waiting import WaitingServer

    last = min(first + _PORTS - 1, 65_535)
    for port in range(first, last + 1):
        try:
            return WaitingServer(port), port
        except OSError:
            continue
    return None, last


def _configure(folder: Path, port: int) -> Config:
    from prisme.demo.traffic import SITES

    options = {
        "host": "127.0.0.1",
        "port": str(port),
        "data-dir": str(folder),
        "origins": ",".join((*SITES, "localhost", "127.0.0.1")),
        "access-log": "",
        "admin-hostport": "",
    }
    return load({f"--{name}": value for name, value in options.items()}, {}, folder)[0]


def _fill(config: Config, flags: argparse.Namespace, waiting: "WaitingServer") -> None:
    from prisme.demo.filling import fill
    from prisme.demo.goals import define_goals
    from prisme.demo.traffic import DAY, make_traffic

    now, began = time.time_ns() // 1000, time.monotonic()
    start = (now - flags.days * DAY) // DAY * DAY

    def progress(events: int, at: int) -> None:
        waiting.percent = (at - start) * 100 // (now - start)
        _show(waiting.percent, datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d"), events)

    progress(0, start)
    filled = fill(config, make_traffic(start, now, flags.visits, flags.seed), start, progress)
    define_goals(config.data_dir, now // 1_000_000)
    end = "\n" if sys.stderr.isatty() else ""
    seconds = time.monotonic() - began
    print(f"{end}{sum(filled.stored.values()):,} events of {flags.days} days in {seconds:.1f} s", file=sys.stderr)


def _show(percent: int, day: str, events: int) -> None:
    """A bar on a terminal, where each replaces the one before; a line elsewhere."""
    text = f"{percent:3d}%  {day}  {events:,} events"
    if not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
        return
    bar = "=" * (percent * _BAR // 100)
    print(f"\rFilling [{bar:<{_BAR}}] {text}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _handling_signals() -> Iterator[None]:
    """What ends the demo, a closed terminal too, ends it with a KeyboardInterrupt. Restores the handlers."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    _handle_signals(_stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` does with SIGHUP
            signal.signal(number, handler)


def _stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(number)
