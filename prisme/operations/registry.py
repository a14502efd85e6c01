"""All operations, and how one is asked for: by a client of the local socket, or by a command without a server."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from prisme.base.errors import InputError
from prisme.operations import (
    backup,
    compact,
    delete,
    export,
    import_data,
    import_rules,
    imports,
    move,
    query,
    restore,
    retain,
    rollups,
    status,
    undo,
)
from prisme.operations.context import ClosedContext, Context
from prisme.operations.job import CancelledError, Job
from prisme.runtime.local_socket import DATA, ERROR, PROGRESS, RESULT, ConnectionClosedError, Exchange
from prisme.store.errors import StoreError, UnavailableError


class Operation(NamedTuple):
    """`run` gets arguments of a type, and returns what msgspec can encode.

    Raises InputError, StoreError, UnavailableError, OSError and CancelledError. Of those that are `alone`, one runs at
    a time. `offline` is for a folder without a server, and has to open the files. `instead` is for those that are only
    about events in the data folder: what to do where they are in ClickHouse.
    """

    arguments: type[msgspec.Struct]
    run: Callable[[Context, Any, Job], Any]
    is_alone: bool = False
    offline: Callable[[ClosedContext, Any, Job], Any] | None = None
    instead: str = ""

    def check_store(self, name: str, store: str) -> None:
        """Raise InputError if the option `eventstore` has a value with which nothing can be done."""
        if self.instead and store == "clickhouse":
            raise InputError(
                "{name} is about events in the data folder, and these are in ClickHouse: {instead}",
                name=name,
                instead=self.instead,
            )


_BACKUP: Final = "copy them with its own BACKUP; docs/cluster.md says what else to copy"
_COUNT_AHEAD: Final = "no figures are counted ahead there"
_IMPORT: Final = "import into another data folder with eventstore = duckdb, and `prisme move` it"

OPERATIONS: Final[Mapping[str, Operation]] = {
    "backup": Operation(backup.Arguments, backup.run, is_alone=True, instead=_BACKUP),
    "check-rollups": Operation(rollups.Arguments, rollups.check, is_alone=True, instead=_COUNT_AHEAD),
    "compact": Operation(compact.Arguments, compact.run, is_alone=True, instead="it makes its files smaller by itself"),
    "delete": Operation(delete.Arguments, delete.run, is_alone=True),
    "export": Operation(export.Arguments, export.run, is_alone=True),
    "import": Operation(import_data.Arguments, import_data.run, instead=_IMPORT),
    "import-rules": Operation(import_rules.Arguments, import_rules.run, instead=_IMPORT),
    "imports": Operation(imports.Arguments, imports.run),
    "move": Operation(move.Arguments, move.run, is_alone=True),
    "query": Operation(query.Arguments, query.run),
    "rebuild-rollups": Operation(rollups.Arguments, rollups.rebuild, is_alone=True, instead=_COUNT_AHEAD),
    "restore": Operation(restore.Arguments, restore.run, is_alone=True, offline=restore.run_offline, instead=_BACKUP),
    "retain": Operation(retain.Arguments, retain.run, is_alone=True),
    "rollups": Operation(rollups.Arguments, rollups.run, instead=_COUNT_AHEAD),
    "status": Operation(status.Arguments, status.run),
    "tables": Operation(query.NoArguments, query.describe_tables),
    "undo": Operation(undo.Arguments, undo.run, is_alone=True),
}

# What runs daily mostly takes less.
_PATIENCE: Final = 1.0  # seconds

# What an operation may raise for a reason outside of Prisme.
EXPECTED: Final = (InputError, StoreError, UnavailableError, OSError)


class Operations:
    """Operations on one data folder, from any threads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._alone = threading.Lock()
        self._running = ""

    def perform(self, name: str, arguments: Mapping[str, Any], job: Job) -> Any:
        """The result of an operation. Raises InputError for arguments that it does not have, and what it raises."""
        operation = OPERATIONS.get(name)
        if operation is None:
            raise InputError(f"the server has no operation {name}: it runs another version of Prisme, restart it")
        operation.check_store(name, self.context.config.eventstore)
        try:
            known = msgspec.convert(arguments, operation.arguments)
        except msgspec.ValidationError as error:
            raise InputError(f"{name}: {error}") from error
        with self._alone_with(name) if operation.is_alone else contextlib.nullcontext():
            return operation.run(self.context, known, job)

    def answer(self, exchange: Exchange) -> None:
        """Perform what a client of the socket asks for, and send it the result or the error."""
        job = Job(
            exchange.cancellation,
            lambda progress: exchange.send(PROGRESS, msgspec.json.encode(progress)),
            lambda data: exchange.send(DATA, data),
            exchange.data,
        )
        name = exchange.request.operation
        try:
            result = self.perform(name, exchange.request.arguments, job)
        except EXPECTED as error:
            exchange.end(ERROR, str(error).encode())
        except (CancelledError, ConnectionClosedError):
            exchange.end(ERROR, b"the server is stopping")
        except Exception:
            self.context.log.exception("operation %s failed", name)
            exchange.end(ERROR, b"an error of Prisme itself; the server's log has it")
        else:
            exchange.end(RESULT, msgspec.json.encode(result))

    @contextlib.contextmanager
    def _alone_with(self, name: str) -> Iterator[None]:
        if not self._alone.acquire(timeout=_PATIENCE):
            raise InputError(f"the server is busy with `{self._running}`: try again when that has ended")
        try:
            self._running = name
            yield
        finally:
            self._alone.release()
