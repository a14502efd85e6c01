"""Signals from the supervisor, handled in the event loop."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable


def stop_on_signal(log: logging.Logger) -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; a second signal ends the process at once. For the main thread.

    SIGHUP sets it as well where the caller has a handler for it: somebody has closed the terminal.
    """
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            # Nothing is lost: what the database does not have yet is in the journal.
            os._exit(128 + number)
        log.info("stopping; a second signal stops at once")
        stop.set()

    def on_hangup() -> None:
        if not stop.is_set():  # the shell and the system may both send it
            on_signal(signal.SIGHUP)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    if callable(signal.getsignal(signal.SIGHUP)):
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
    return stop


def reopen_on_hangup(reopen: Callable[[], object], name: str, log: logging.Logger) -> None:
    """Call `reopen` on SIGHUP, after log rotation; an OSError is logged, with the name of what cannot be reopened.

    Does nothing outside the main thread, which no signal reaches.
    """

    def on_hangup() -> None:
        try:
            reopen()
        except OSError as error:
            log.error("%s cannot be reopened, the old file stays in use: %s", name, error)

    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)
