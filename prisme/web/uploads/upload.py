"""One upload, from its first byte on: received, read by a process, looked at by an admin, imported, removed."""

import contextlib
import logging
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from prisme.access import audit
from prisme.access.grants import Grant
from prisme.runtime import child
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.freespace import FreeSpace
from prisme.store.control import Control
from prisme.web.uploads.form import UploadedFile
from prisme.web.uploads.receiving import Receiving
from prisme.web.uploads.report import Report, read_report

# For so long an admin may look at what would be imported, then the files are removed.
KEPT_SECONDS: Final = 3600.0
_TOLD: Final = re.compile(r"prisme(?: import)?: (.+)")
_LONGEST_FAULT: Final = 1000
# Where memory runs out, Linux kills.
_KILLED: Final = -9

OPTIONS: Final = ("format", "site", "zone")
_LONGEST_OPTION: Final = 256
_FORMAT: Final = re.compile(r"[a-z][a-z0-9-]*")

State = Literal["receiving", "reading", "read", "importing", "imported", "removed"]
Decision = Literal["read", "import", "discard"]

_NEXT: Final[Mapping[Decision, State]] = {"read": "reading", "import": "importing", "discard": "removed"}


class Options(msgspec.Struct, frozen=True):
    """How to read the files: empty texts are for what the files say."""

    format: str = "auto"
    site: str = ""
    zone: str = ""


def read_options(fields: Mapping[str, str]) -> Options:
    """The options of a form; what is wrong with them is said by the process that reads."""
    texts = ("".join(filter(str.isprintable, fields.get(name, "")))[:_LONGEST_OPTION] for name in OPTIONS)
    name, site, zone = texts
    return Options(name if _FORMAT.fullmatch(name) else "auto", site, zone)


class UploadDeps(msgspec.Struct, frozen=True):
    """What uploads need. `command` begins the words of the process that imports, `clock` gives Unix seconds."""

    data_dir: Path
    command: Sequence[str]
    control: Control
    disk: FreeSpace
    clock: Callable[[], int]
    log: logging.Logger


class Upload:
    """An upload of `by`. It goes on in a thread of its own once it is received.

    `report` is of the latest reading or import that came to an end, `fault` why the latest did not. It is `read`, with
    or without a fault, until an admin decides; in the end it is `imported` or `removed`, and its files are gone.
    `since` is when what is under way began (monotonic, seconds).
    """

    def __init__(self, deps: UploadDeps, folder: Path, by: Grant, size: int, receiving: Receiving) -> None:
        self.state: State = "receiving"
        self.since = time.monotonic()
        self.by = by
        self.size = size  # bytes of the body, 0 if it is unknown
        self.receiving = receiving
        self.files: list[UploadedFile] = []
        self.options = Options()
        self.report: Report | None = None
        self.fault = ""
        self.folder = folder
        self._deps = deps
        self._cancellation = Cancellation()
        self._decisions: queue.SimpleQueue[Decision] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_discarded = False
        self._thread = threading.Thread(target=self._run, name="upload")

    @property
    def is_under_way(self) -> bool:
        """Whether no other upload can begin."""
        return self.state not in {"imported", "removed"}

    def begin(self, files: list[UploadedFile], options: Options) -> None:
        """It is received: have it read, unless it was stopped meanwhile."""
        with self._lock:
            if not self._is_discarded:
                self.files, self.options, self.state, self.since = files, options, "reading", time.monotonic()
                self._thread.start()

    def decide(self, decision: Decision, options: Options | None = None) -> None:
        """Have it read again, with other options, imported or discarded; nothing, if it does not wait for that."""
        with self._lock:
            if self.state == "read":
                self.options = options or self.options
                self._cancellation = Cancellation()
                self.state, self.since = _NEXT[decision], time.monotonic()
                self._decisions.put(decision)
            elif decision == "discard" and self.state in {"receiving", "reading"}:
                self._leave()

    def cancel(self) -> None:
        """Interrupt the import: what is whole of it stays."""
        with self._lock:
            if self.state == "importing":
                self._cancellation.cancel()

    def leave(self) -> None:
        """Interrupt what is under way, and remove the files."""
        with self._lock:
            self._leave()

    def join(self) -> None:
        """Wait until its thread has ended."""
        if self._thread.is_alive():
            self._thread.join()

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _leave(self) -> None:
        self._is_discarded = True
        self.receiving.stop()
        self._cancellation.cancel()
        self._decisions.put("discard")

    def _run(self) -> None:
        try:
            self._read()
            while self._is_to_go_on():
                pass
        except Exception:
            self._deps.log.exception("an upload failed")
            self.fault = "an error of Prisme itself; the server's log has it"
        finally:
            if self.state != "imported":
                self.state = "removed"
            self.remove()

    def _is_to_go_on(self) -> bool:
        """Do what is decided next."""
        decision: Decision = "discard"
        if not self._is_discarded:
            with contextlib.suppress(queue.Empty):
                decision = self._decisions.get(timeout=KEPT_SECONDS)
        if decision == "discard" or self._is_discarded:
            return False
        if decision == "read":
            self._read()
            return True
        return not self._import()

    def _read(self) -> None:
        """A dry run."""
        self.report = None
        self.report, self.fault = self._perform("--dry-run")
        self._end_step()

    def _import(self) -> bool:
        """Import all; gives whether it came to its end. If not, what is whole is there, and it can be begun again."""
        self._record()
        report, self.fault = self._perform("--yes")
        if report is None:
            self._end_step()
            return False
        self.report, self.state = report, "imported"
        return True

    def _end_step(self) -> None:
        """Let an admin decide what is next."""
        with self._lock:
            if not self._is_discarded:
                self.state = "read"
            else:
                self.state, self.fault = "removed", ""

    def _perform(self, *more: str) -> tuple[Report | None, str]:
        """The report of a process that imports, or why there is none."""
        site, zone = self.options.site, self.options.zone
        given = {"--data-dir": str(self._deps.data_dir), "--site": site, "--time-zone": zone}
        words = [f"{name}={text}" for name, text in given.items() if text]
        files = [str(self.folder / "files" / file.name) for file in self.files if file.size]
        command = [*self._deps.command, self.options.format, *files, "--json", *more, *words]
        ended = child.run(command, self.folder, self._cancellation)
        report = read_report(ended.output) if ended.code == 0 else None
        if report is not None:
            return report, ""
        if self._cancellation.is_cancelled:
            return None, "it was cancelled"
        return None, self._find_fault(ended)

    def _find_fault(self, ended: child.Ended) -> str:
        lines = ended.errors.decode("utf-8", "replace").splitlines()
        told = [found[1] for line in lines if (found := _TOLD.match(line))]
        if told:
            return told[-1].replace(f"{self.folder / 'files'}/", "")[:_LONGEST_FAULT]
        self._deps.log.error("an import of uploaded files ended with code %d: %s", ended.code, "\n".join(lines[-50:]))
        if ended.code == _KILLED:
            return "the process was killed: there was probably not enough memory"
        return "an error of Prisme itself; the server's log has it"

    def _record(self) -> None:
        """Write into the audit log who imports what; the operation itself adds what came of it."""
        names = ", ".join(file.name for file in self.files)
        format_ = self.report.format if self.report is not None else self.options.format
        with self._deps.control.change() as connection:
            audit.record(connection, self._deps.clock(), self.by, "data.import", format_, names[:200])
