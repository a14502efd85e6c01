"""`prisme grafana-dashboard`: prints a dashboard with which Grafana shows the figures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from prisme.cli.parser import Parser

SUMMARY = "print a dashboard for Grafana"

_ABOUT = """\
Print a dashboard with which Grafana shows the figures, as JSON to import:
  prisme grafana-dashboard > prisme.json
  prisme grafana-dashboard --source clickhouse --output prisme.json
"""
# As `prisme.stats.grafana.dashboard.SOURCES`, which takes long to import.
_SOURCES = ("stats-api", "clickhouse")


def command(words: Sequence[str]) -> int:
    """Print the dashboard, or write it to the file of `--output`."""
    from prisme.stats.grafana.dashboard import build_dashboard_model

    flags = make_parser().parse_args(words)
    text = msgspec.json.format(msgspec.json.encode(build_dashboard_model(flags.source))).decode() + "\n"
    if flags.output is None:
        print(text, end="")
        return 0
    try:
        flags.output.write_text(text)
    except OSError as error:
        print(f"prisme grafana-dashboard: cannot write {flags.output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    about = argparse.RawDescriptionHelpFormatter
    parser = Parser("prisme grafana-dashboard", description=_ABOUT, formatter_class=about)
    parser.add_argument(
        "--source",
        choices=_SOURCES,
        default=_SOURCES[0],
        help="what Grafana reads: the stats API, by the plugin Infinity, or the tables in ClickHouse, by the plugin of "
        "that name; default: stats-api",
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the file, and print nothing")
    return parser
