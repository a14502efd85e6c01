"""Runs an operation for a command: in the server that uses the data folder, or here where none does."""

import argparse
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from prisme.base.errors import InputError
from prisme.cli.progress import progress_bar
from prisme.runtime import local_socket
from prisme.runtime.config import ConfigError, load
from prisme.runtime.local_socket import ConnectionClosedError, Progress, Request

if TYPE_CHECKING:
    from prisme.operations.job import Job
    from prisme.runtime.config import Config

Result = TypeVar("Result")


class UsageError(InputError):
    """The flags do not go together."""


_UPLOAD_BYTES = 1 << 18


class Operator:
    """Asks for operations on the data folder of `config`.

    `receive` gets the bytes that an operation sends. `upload` is what it is sent. Raises InputError, with the message
    of whatever prevented the operation, and KeyboardInterrupt after Ctrl-C, once it has ended.
    """

    def __init__(self, config: "Config", shows_progress: bool = True) -> None:
        self._config = config
        self._shows_progress = shows_progress
        # Set by Ctrl-C, for whoever makes an upload: the operation waits for it.
        self.is_cancelled = threading.Event()

    def run(
        self,
        name: str,
        arguments: msgspec.Struct,
        result: type[Result],
        receive: Callable[[bytes], object] = lambda _: None,
        upload: Iterable[bytes] = (),
    ) -> Result:
        """The result of an operation."""
        if self.is_cancelled.is_set():  # just as the one before had ended
            raise KeyboardInterrupt
        known = msgspec.to_builtins(arguments)
        with progress_bar(self._shows_progress) as tell:
            connection = self._connect()
            if connection is None:
                return msgspec.convert(self._run_here(name, known, tell, receive, upload), result)
            with contextlib.closing(connection):
                return _ask(connection, Request(name, known), result, tell, receive, upload, self.is_cancelled)

    def _connect(self) -> socket.socket | None:
        folder = self._config.data_dir
        if not folder.is_dir():
            raise InputError(f"there is no data folder {folder}: set the server's with --data-dir, or start it first")
        try:
            return local_socket.connect(folder)
        except PermissionError as error:
            raise InputError(f"only the server's user may use {error.filename}: run this as that user") from error

    def _run_here(
        self,
        name: str,
        arguments: dict[str, Any],
        tell: Callable[[Progress], None],
        receive: Callable[[bytes], object],
        upload: Iterable[bytes],
    ) -> Any:
        # Imported late, as the database takes a while to import.
        from prisme.operations.job import CancelledError, Job
        from prisme.operations.registry import EXPECTED
        from prisme.runtime.folder import FolderError
        from prisme.store.errors import StoreError
        from prisme.wiring.operating import perform_offline

        log = logging.getLogger("prisme")
        job = Job(tell=tell, send=lambda data: (receive(data), None)[1], received=lambda: iter(upload))
        try:
            work = functools.partial(perform_offline, self._config, name, arguments, job, log)
            done = _run_in_thread(work, job, self.is_cancelled)
            return msgspec.to_builtins(done)
        except CancelledError:
            raise KeyboardInterrupt from None
        except (*EXPECTED, FolderError, StoreError) as error:
            raise InputError(describe(error)) from error


def _run_in_thread(work: Callable[[], Result], job: "Job", is_cancelled: threading.Event) -> Result:
    """The result of `work`, which Ctrl-C cancels: DuckDB does not notice it in the main thread."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    def cancel() -> None:
        is_cancelled.set()
        job.cancellation.cancel()

    thread = threading.Thread(target=run)
    with _on_interrupt(cancel) as is_interrupted:
        thread.start()
        thread.join()
    if is_interrupted() and not results:
        errors.clear()
        gc.collect()  # at the end of the process, DuckDB would complain of what the frames of errors hold
        raise KeyboardInterrupt
    if errors:
        raise errors[0]
    return results[0]


def _ask(
    connection: socket.socket,
    request: Request,
    result: type[Result],
    tell: Callable[[Progress], None],
    receive: Callable[[bytes], object],
    upload: Iterable[bytes],
    is_cancelled: threading.Event,
) -> Result:
    failures: list[Exception] = []

    def cancel() -> None:
        is_cancelled.set()
        _leave(connection)

    try:
        local_socket.send(connection, local_socket.REQUEST, msgspec.json.encode(request))
        # The server may send while it is sent to.
        threading.Thread(target=_upload, args=(connection, upload, failures), daemon=True).start()
        with _on_interrupt(cancel) as is_interrupted:
            while True:
                kind, body = local_socket.receive(connection)
                if kind == local_socket.PROGRESS:
                    tell(msgspec.json.decode(body, type=Progress))
                elif kind == local_socket.DATA:
                    receive(body)
                elif kind == local_socket.RESULT:
                    return msgspec.json.decode(body, type=result)
                elif is_interrupted():
                    raise KeyboardInterrupt
                elif failures:
                    raise failures[0]
                else:
                    raise InputError(body.decode())
    except (ConnectionClosedError, BrokenPipeError, ConnectionResetError) as error:
        if failures:
            raise failures[0] from error
        raise InputError("the server has ended before the operation did; nothing is left half done") from error


@contextlib.contextmanager
def _on_interrupt(cancel: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C cancel what is under way, which then ends by itself: it may have ended just before.

    A second one raises KeyboardInterrupt at once. Gives whether it was pressed. Outside the main thread, which alone
    gets signals, it does nothing.
    """
    pressed: list[int] = []

    def note(number: int, _: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        cancel()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(connection: socket.socket) -> None:
    """Send no more, by which the server knows that nobody waits."""
    with contextlib.suppress(OSError):  # the server has left
        connection.shutdown(socket.SHUT_WR)


def _upload(connection: socket.socket, upload: Iterable[bytes], failures: list[Exception]) -> None:
    """Send data while there is some, and the connection is open; cancel where there is an error instead."""
    with contextlib.suppress(OSError):  # of a connection that is closed
        for part in _noting_failures(upload, failures):
            for start in range(0, len(part), _UPLOAD_BYTES):
                local_socket.send(connection, local_socket.DATA, part[start : start + _UPLOAD_BYTES])
        if failures:
            connection.shutdown(socket.SHUT_WR)
        else:
            local_socket.send(connection, local_socket.END)


def _noting_failures(upload: Iterable[bytes], failures: list[Exception]) -> Iterator[bytes]:
    try:
        yield from upload
    except Exception as error:
        failures.append(error)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir`."""
    parser.add_argument(
        "--data-dir", metavar="FOLDER", help="the data folder of the server; default: the same as for `prisme serve`"
    )


def confirm(question: str, yes: bool) -> None:
    """Ask on the terminal; `yes` answers for it. Raises InputError where the answer is no, or nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to ask on: use --yes")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output may be a pipe
            answer = input(f"{question} [y/N] ")
    except EOFError:  # Ctrl-D
        print(file=sys.stderr)
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise InputError("nothing was changed")


def run_command(
    parser: argparse.ArgumentParser,
    words: Sequence[str],
    do: "Callable[[argparse.Namespace, Config], int | None]",
) -> int:
    """The exit code: that of `do`, 0 for None; 1 failure, 2 wrong usage or configuration, 130 after Ctrl-C.

    The parser has `--data-dir`.
    """
    flags = parser.parse_args(words)
    config = read_config(flags)
    os.umask(0o077)
    with _errors_told(parser) as code:
        code.append(do(flags, config) or 0)
    return code[-1]


def read_config(flags: argparse.Namespace) -> "Config":
    """The configuration, with the folder of `--data-dir`. Where it is invalid, says so, and exits with code 2."""
    options = {} if flags.data_dir is None else {"--data-dir": flags.data_dir}
    try:
        return load(options, os.environ, Path())[0]
    except ConfigError as error:
        print("\n".join(["prisme: the configuration is invalid:", *error.messages]), file=sys.stderr)
        raise SystemExit(2) from None


def describe(error: Exception) -> str:
    """The message of an error, of files without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@contextlib.contextmanager
def _errors_told(parser: argparse.ArgumentParser) -> Iterator[list[int]]:
    codes: list[int] = []
    try:
        yield codes
    except BrokenPipeError:  # of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        codes.append(0)
    except UsageError as error:
        parser.error(str(error))
    except (InputError, OSError, ValueError) as error:  # ValueError: bytes that are not UTF-8
        print(f"prisme: {describe(error)}", file=sys.stderr)
        codes.append(1)
    except KeyboardInterrupt:
        print("\nprisme: cancelled", file=sys.stderr)
        codes.append(130)
