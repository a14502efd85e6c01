"""What a server says once it listens: a banner for people, or lines for programs."""

import logging
import os
from collections.abc import Sequence

from prisme import __version__
from prisme.runtime.config import Config
from prisme.runtime.log import STDERR, is_text
from prisme.runtime.logfile import STREAMS
from prisme.runtime.terminal import Painter, choose_painter, escape

# More names than this are counted, not listed.
_MOST_NAMES = 5
_ALL_ADDRESSES = frozenset(("0.0.0.0", "::"))  # noqa: S104  # only compared, not bound


def announce_start(
    config: Config, names: Sequence[str], link: str, log: logging.Logger, *, is_demo: bool = False
) -> None:
    """Say where the server listens, and what it counts: `names` are the sites.

    `link` creates the first account, and is empty if there is one; in the demo, it opens the dashboard.
    """
    if is_text(config.log_format, STDERR):
        painter = choose_painter(2, os.environ)
        text = write_banner(config, names, link, painter, is_demo=is_demo)
        log.info("%s", text, extra={"verbatim": True})
    else:
        _log_addresses(config, link, log, is_demo)


def announce_end(config: Config, stored: int, log: logging.Logger) -> None:
    """Say that the server has stopped, and how many events it has stored."""
    if is_text(config.log_format, STDERR):
        events = "1 event" if stored == 1 else f"{stored} events"
        log.info("stopped: %s stored in %s", events, config.data_dir.absolute())
    else:
        log.info("stopped", extra={"events_stored": stored})


def choose_access_painter(config: Config) -> Painter | None:
    """What writes the access log for people; None where it is JSON."""
    path = str(config.access_log)
    if not is_text(config.log_format, path):
        return None
    return choose_painter(STREAMS[path], os.environ) if path in STREAMS else Painter(colors=False)


def _log_addresses(config: Config, link: str, log: logging.Logger, is_demo: bool) -> None:
    log.info("prisme %s listens on %s://%s:%d", __version__, config.scheme, config.host, config.port)
    if stored := _describe_store(config):
        log.info("events are stored in %s", stored)
    if config.admin_hostport:
        log.info("metrics and health on http://%s:%d", *config.admin_hostport)
    if link:
        what = "the dashboard is open" if is_demo else "no account yet; create the first one"
        log.info("%s at %s", what, link, extra={"link": link})


def write_banner(config: Config, names: Sequence[str], link: str, painter: Painter, *, is_demo: bool = False) -> str:
    """The same for people; `names` are the sites."""
    url = f"{browser_url(config)}/{_describe_reach(config)}"
    rows = [
        ("Events", f"{url}, no dashboard") if config.mode == "ingestion" else ("Dashboard", link if is_demo else url),
        ("First time", f"{link} (creates your account)" if link and not is_demo else ""),
        ("Counting", escape(_list_names(names))),
        ("Stored in", escape(_describe_store(config))),
        ("Data", escape(str(config.data_dir.absolute()))),
        ("Metrics", "http://{}:{}/metrics".format(*config.admin_hostport) if config.admin_hostport else ""),
    ]
    lines = [f"  {painter.paint(f'{title:<11}', 'dim')}{text}" for title, text in rows if text]
    head = f"  {painter.paint(f'Prisme {__version__}', 'bold')}"
    return "\n".join(
        ["", head, "", *lines, "", f"  Press Ctrl-C to stop{' and delete everything' if is_demo else ''}.", ""]
    )


def _describe_store(config: Config) -> str:
    """Where events go from the data folder; empty if they stay there."""
    if config.eventstore == "duckdb":
        return ""
    return f"ClickHouse, database {config.clickhouse_database} at {', '.join(map(str, config.clickhouse_url))}"


def browser_url(config: Config) -> str:
    """The URL of the server for a browser on this machine, without a slash at the end."""
    host = "localhost" if config.host in _ALL_ADDRESSES else config.host
    host = f"[{host}]" if ":" in host else host
    return f"{config.scheme}://{host}:{config.port}{config.base_path}"


def _describe_reach(config: Config) -> str:
    return f" (and on port {config.port} of every address of this machine)" if config.host in _ALL_ADDRESSES else ""


def _list_names(names: Sequence[str]) -> str:
    shown, more = ", ".join(names[:_MOST_NAMES]), len(names[_MOST_NAMES:])
    return f"{shown} and {more} more" if more else shown
