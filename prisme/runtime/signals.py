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


def call_on_hangup(call: Callable[[], object]) -> None:
    """Call a function in the event loop at each SIGHUP, unless that stops the process, as `stop_on_signal` says.

    Does nothing outside the main thread, which no signal reaches.
    """
    if threading.current_thread() is threading.main_thread() and not callable(signal.getsignal(signal.SIGHUP)):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, call)
