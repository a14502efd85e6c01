"""The context of operations: in a running server, and in a command without one."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any

import msgspec

from prisme.journal.segment import Segment, leftovers
from prisme.operations import registry as operations
from prisme.operations.context import ClosedContext, Context
from prisme.operations.job import Job
from prisme.operations.registry import Operations
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.store import recovery, restoration
from prisme.store.control import Control
from prisme.store.errors import StoreError
from prisme.store.writer import Writer
from prisme.visit.sessions import SHARDS, Sessions
from prisme.web.site_registry import SiteRegistry
from prisme.wiring.events import Events, open_events


def online_context(
    config: Config,
    folder: Folder,
    events: Events,
    control: Control,
    writer: Writer,
    sessions: Sessions,
    registry: SiteRegistry,
    now: Callable[[], int],
    log: logging.Logger,
) -> Context:
    """The context in a server; made in the event loop's thread."""
    loop = asyncio.get_running_loop()

    def wait(work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result()

    async def forget(uuids: Collection[str]) -> None:
        for index in range(SHARDS):
            sessions.forget(index, uuids)
            await asyncio.sleep(0)  # for the events that came meanwhile

    async def take_over() -> list[Segment]:
        for index in range(SHARDS):
            sessions.clear(index)
            await asyncio.sleep(0)
        return await writer.collect()

    return Context(
        config,
        folder.path,
        events.database,
        events.loader,
        events.store,
        control,
        now,
        log,
        lambda: wait(writer.settle()),
        lambda uuids: wait(forget(frozenset(uuids))),
        registry.publish,
        lambda: asyncio.run_coroutine_threadsafe(take_over(), loop).result(),
        is_online=True,
    )


@contextlib.contextmanager
def offline_context(config: Config, log: logging.Logger) -> Iterator[Context]:
    """The context of a data folder that no server uses, with all events that wait in its journal loaded.

    Raises FolderError and StoreError.
    """
    with Folder(config.data_dir) as folder, contextlib.ExitStack() as closing:
        database, loader, store = open_events(config, folder, log, closing)

        def settle() -> None:
            left = asyncio.run(recovery.load_leftovers(loader, folder.journal, _now, log))
            if left.unloaded:
                raise StoreError(f"segment {left.unloaded[0].number} of the journal cannot be loaded")
            for segment in left.segments:
                loader.load(segment, _now())  # which only removes it

        settle()
        yield Context(
            config,
            folder.path,
            database,
            loader,
            store,
            Control(folder.path),
            _now,
            log,
            settle,
            lambda _: None,
            lambda: None,
            lambda: leftovers(folder.journal)[0],
            is_online=False,
        )


def perform_offline(config: Config, name: str, arguments: Mapping[str, Any], job: Job, log: logging.Logger) -> Any:
    """The result of an operation on a data folder that no server uses. Raises what it raises, and FolderError."""
    operation = operations.OPERATIONS[name]
    operation.check_store(name, config.eventstore)
    if operation.offline is None:
        with offline_context(config, log) as context:
            return Operations(context).perform(name, arguments, job)
    with Folder(config.data_dir) as folder:
        restoration.finish(folder.path, log)
        return operation.offline(
            ClosedContext(config, folder, _now, log), msgspec.convert(arguments, operation.arguments), job
        )


def _now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
