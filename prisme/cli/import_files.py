"""`prisme import`: brings in what other programs recorded, lists what was brought in, and undoes it."""

import argparse
import contextlib
import datetime
import difflib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from prisme.base.domains import is_wildcard
from prisme.base.errors import InputError
from prisme.cli import imports
from prisme.cli.access import system_user
from prisme.cli.import_report import Report, make_report, print_report
from prisme.cli.operate import Operator, UsageError, add_folder, confirm, run_command
from prisme.cli.parser import Parser
from prisme.cli.progress import progress_bar
from prisme.runtime import local_socket
from prisme.runtime.local_socket import Progress
from prisme.runtime.priority import renice
from prisme.runtime.scratch import scratch_folder
from prisme.stats.zones import list_zones, open_zone
from prisme.visit.origins import OriginError, parse_entry

if TYPE_CHECKING:
    from prisme.imports.items import Item
    from prisme.imports.pipeline import Pipeline
    from prisme.imports.reading import Format, Reading
    from prisme.imports.tally import Tally
    from prisme.operations.import_data import Imported
    from prisme.operations.import_rules import ImportRules
    from prisme.runtime.config import Config

SUMMARY = "bring in what other programs recorded, or undo that"

_ABOUT = """\
Bring in the visits that another program recorded, while the server runs or not.
  prisme import goatcounter export.csv.gz --site example.com
  prisme import access-log /var/log/nginx/access.log* --site example.com
  prisme import plausible example_com_20260901.zip --dry-run
  prisme import auto FILE...               look at the files, and say what they are
  prisme import list                       what was imported
  prisme import undo goatcounter-1         delete all that an import brought in
Numbers are shown first, and you are asked. The same files again add nothing.
"""
# A tell costs a little, and nobody reads faster.
_TELL_SECONDS: Final = 0.2


def command(words: Sequence[str]) -> int:
    """`prisme import`."""
    if words[:1] == ["list"]:
        return imports.list_command(words[1:])
    if words[:1] == ["undo"]:
        return imports.undo_command(words[1:])
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    from prisme.imports.formats import AUTO, NAMES

    parser = Parser("prisme import", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "format", metavar="FORMAT", choices=[*NAMES, AUTO], help=f"one of {', '.join(NAMES)}, or {AUTO}"
    )
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="files, plain or compressed, or folders")
    parser.add_argument("--site", metavar="HOST", default="", help="count everything as this site's")
    parser.add_argument("--time-zone", metavar="ZONE", help="for times without a zone, such as Europe/Berlin")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be imported")
    parser.add_argument("--follow", action="store_true", help="of a log: go on with what is added, until Ctrl-C")
    parser.add_argument("--yes", action="store_true", help="do not ask, and do not read the files twice")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    from prisme.imports.formats import find_format
    from prisme.operations import import_rules
    from prisme.operations.import_rules import ImportRules

    files: list[Path] = flags.files
    missing = [path for path in files if not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: No such file or directory")
    if others := [path for path in files if not (path.is_file() or path.is_dir())]:
        raise InputError(f"{others[0]} is no file: what comes from a pipe has to be saved first, as it is read twice")
    if flags.follow and flags.dry_run:
        raise UsageError("--follow stores what comes: there is no --dry-run of it")
    form = find_format(flags.format, files)
    if flags.follow and form.follow is None:
        raise UsageError(f"--follow is for logs, not for {form.name}")
    if flags.follow:
        _check_server(config.data_dir)
    operator = Operator(config, shows_progress=False)
    rules = operator.run("import-rules", import_rules.Arguments(), ImportRules)
    one = _Import(operator, form, files, flags, rules, config)
    if flags.dry_run or not (flags.yes or flags.follow):
        report = one.run(dry_run=True)
        is_answer = flags.dry_run or report.is_nothing
        is_for_people = flags.json and not is_answer
        print_report(report, flags, rules, False, sys.stderr if is_for_people else sys.stdout)
        if is_answer:
            return
        confirm("Import this?", yes=False)
    print_report(one.run(dry_run=False), flags, rules, True, sys.stdout)


def _check_server(folder: Path) -> None:
    connection = local_socket.connect(folder)
    if connection is None:
        raise InputError(f"--follow needs a running server, and none uses {folder}")
    connection.close()


class _Import:
    """One import, which can be run several times."""

    def __init__(
        self,
        operator: Operator,
        form: "Format",
        files: Sequence[Path],
        flags: argparse.Namespace,
        rules: "ImportRules",
        config: "Config",
    ) -> None:
        from prisme.imports.pipeline import fingerprint

        self._operator = operator
        self._form = form
        self._files = files
        self._site = _read_site(flags.site)
        self._zone = _read_zone(flags.time_zone)
        self._rules = rules
        self._temporary = config.data_dir / "tmp"
        self._shows_progress = not flags.quiet
        self._follows = flags.follow
        self._source = fingerprint(files, self._site, flags.time_zone or "")

    def run(self, dry_run: bool) -> Report:
        """Read all files, and send what they have. Raises InputError and KeyboardInterrupt."""
        from prisme.access.grants import operator
        from prisme.imports.tally import Tally
        from prisme.operations.import_data import Arguments, Imported
        from prisme.wiring.importing import make_pipeline

        tally = Tally()
        names = tuple(path.name for path in self._files)
        arguments = Arguments(self._form.name, self._source, names, dry_run, operator(system_user()).actor)
        with contextlib.ExitStack() as closing:
            pipeline = make_pipeline(self._form, self._rules, self._site, tally, closing)
            tell = closing.enter_context(progress_bar(self._shows_progress))
            closing.enter_context(_ending_at_sigterm())
            reading = self._reading(tally, tell, closing.enter_context(scratch_folder(self._temporary)))
            stop = threading.Event()
            if self._follows and self._form.follow:
                items = self._form.follow(self._files, reading, stop.is_set)
            else:
                items = self._form.read(self._files, reading)
            frames = _make_frames(pipeline, items, lambda: make_report(self._form.name, None, pipeline, tally))

            def work() -> Imported:
                return self._operator.run("import", arguments, Imported, upload=frames)

            try:
                done = _run_until_stopped(work, stop) if self._follows else work()
            except KeyboardInterrupt:
                if not dry_run:
                    print("\nprisme: what was stored stays; the same command goes on", file=sys.stderr)
                raise
            except InputError as error:
                if dry_run or not (pipeline.found.visits or pipeline.found.figures):
                    raise
                raise InputError(f"{error}. The same command goes on with the rest") from error
        return make_report(self._form.name, done, pipeline, tally)

    def _reading(self, tally: "Tally", tell: Callable[[Progress], None], temporary: Path) -> "Reading":
        from prisme.imports.reading import Reading

        total = sum(one.stat().st_size for one in _list_files(self._files))
        started = time.monotonic()
        next_at = started

        def show(done: int) -> None:
            nonlocal next_at
            if self._operator.is_cancelled.is_set():
                raise InputError("cancelled")
            now = time.monotonic()
            if now >= next_at:
                next_at = now + _TELL_SECONDS
                rate = int(tally.rows / max(now - started, _TELL_SECONDS))
                tell(Progress(f"{tally.rows:,} rows, {rate:,} a second", min(done, total), total, "bytes"))

        return Reading(tally, temporary, self._site, self._zone, show)


@contextlib.contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, so that nothing is left in the data folder."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_until_stopped(work: "Callable[[], Imported]", stop: threading.Event) -> "Imported":
    """The result of `work`, which ends soon after `stop` is set: by Ctrl-C, or by SIGTERM.

    Signals come to the main thread alone, and so the work is done in another one.
    """

    def end(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(work).result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _list_files(paths: Sequence[Path]) -> list[Path]:
    return [one for path in paths for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file()]


def _make_frames(pipeline: "Pipeline", items: "Iterator[Item | None]", report: Callable[[], Report]) -> Iterator[bytes]:
    """What the operation is sent: chunks, and the report when all of them were sent."""
    from prisme.imports.items import Visit
    from prisme.operations.import_data import END, FIGURES, FRAME, VISITS

    renice()  # of this thread, which reads: events come first
    for kind, chunk in pipeline.run(items):
        yield FRAME.pack(VISITS if kind is Visit else FIGURES, len(chunk))
        yield chunk
    last = msgspec.json.encode(report())
    yield FRAME.pack(END, len(last)) + last


def _read_site(text: str) -> str:
    """The host, normalised. Raises InputError."""
    if not text:
        return ""
    if is_wildcard(text.strip()):
        raise InputError(f"--site: {text!r} is many sites: name one host, such as www{text.strip()[1:]}")
    try:
        return parse_entry(text)
    except OriginError as error:
        raise InputError(f"--site: {error}") from error


def _read_zone(name: str | None) -> datetime.tzinfo | None:
    try:
        return None if name is None else open_zone(name)
    except KeyError:
        close = difflib.get_close_matches(name or "", list_zones(), 1)
        raise UsageError(f"{name} is no time zone{f': did you mean {close[0]}?' if close else ''}") from None
