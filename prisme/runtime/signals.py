"""Signals from the supervisor, handled in the event loop."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable


def stop_on_signal(stop: asyncio.Event, log: logging.Logger) -> None:
    """Set `stop` on SIGTERM or SIGINT; a second one ends the process at once. For the main thread."""

    def on_signal(number: int) -> None:
        if stop.is_set():
            # Nothing is lost: what the database does not have yet is in the journal.
            os._exit(128 + number)
        log.info("stopping; a second signal stops at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)


def call_on_hangup(action: Callable[[], object]) -> None:
    """Call `action` on SIGHUP. Does nothing outside the main thread, which no signal reaches."""
    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, action)
