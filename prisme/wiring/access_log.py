"""The access log of a running server, which log rotation and a reload of the configuration move to another file."""

import logging

from prisme.runtime.clock import Now
from prisme.runtime.config import Config
from prisme.web.traffic import SOURCE_IP, AccessLog, Traffic
from prisme.wiring.banner import choose_access_painter


class LoggedTraffic:
    """Requests, which are counted and logged: `traffic` stays the same. `wall` is in nanoseconds.

    Raises OSError if the file of the configuration cannot be opened.
    """

    def __init__(self, config: Config, wall: Now) -> None:
        self._wall = wall
        self._path = config.access_log
        self._log = self._open(config)
        self.traffic = Traffic(self._log, SOURCE_IP[config.access_log_ip])

    def follow(self, config: Config) -> None:
        """Log as another configuration says. Raises OSError if its file cannot be opened; then nothing changes."""
        before = self._log
        if config.access_log != self._path:
            self._log = self._open(config)
            self._path = config.access_log
        self.traffic.set_log(self._log, SOURCE_IP[config.access_log_ip])
        if before is not None and before is not self._log:
            before.close()

    def reopen(self, log: logging.Logger) -> None:
        """Continue in the file that has the name now, after log rotation; why it cannot be opened is logged."""
        try:
            if self._log is not None:
                self._log.reopen()
        except OSError as error:
            log.error("the access log cannot be reopened, the old file stays in use: %s", error)

    def close(self) -> None:
        """Write the rest, and close the file."""
        if self._log is not None:
            self._log.close()

    def _open(self, config: Config) -> AccessLog | None:
        path = config.access_log
        return None if path is None else AccessLog(str(path), self._wall, choose_access_painter(config))
