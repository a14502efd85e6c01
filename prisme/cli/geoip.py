"""`prisme geoip`: replaces the country database, also while a server runs, and shows which one is used."""

import argparse
import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from prisme.base.errors import InputError
from prisme.cli.access import make_parser, show_day
from prisme.cli.operate import add_folder, confirm, run_command

if TYPE_CHECKING:
    from prisme.runtime.config import Config
    from prisme.visit.geo import GeoFile

SUMMARY = "replace the country database, or show which one is used"

_ABOUT = """\
Replace the database that says in which country a visitor is, or show which one is used.
  prisme geoip update --from dbip-city-lite-2026-11.mmdb.gz
  prisme geoip show
Prisme comes with a database of countries. Any other one in MaxMind's format (MMDB) can take
its place. If it has regions and cities, the visits that begin from then on have them too.
"""
_DAY = 86_400


class Report(msgspec.Struct, omit_defaults=True):
    """A file. `source` is `option`, `installed` or `bundled`; `built` is in Unix seconds.

    `columns` are those that it has, `stored` those that visits get. `sampled` has, after an update, the number of
    addresses that were looked up, and how many had each column.
    """

    file: str
    source: str
    type: str
    built: int
    age_days: int
    size: int
    columns: tuple[str, ...]
    stored: tuple[str, ...]
    sampled: Mapping[str, int] = {}


def command(words: Sequence[str]) -> int:
    """`prisme geoip`."""
    return run_command(make_geoip_parser(), words, _do)


def make_geoip_parser() -> argparse.ArgumentParser:
    """The parser of `prisme geoip`."""
    parser, commands = make_parser("geoip", _ABOUT)
    update = commands.add_parser(
        "update",
        help="check a database and use it from now on",
        description="Check a database and use it from now on. A server that runs needs no restart.",
    )
    update.add_argument(
        "--from", dest="source", required=True, metavar="FILE", help="an .mmdb file, or a .gz, .tar or .tar.gz of one"
    )
    update.add_argument("--yes", action="store_true", help="do not ask")
    show = commands.add_parser(
        "show", help="show which database is used", description="Show which database is used, and what it has."
    )
    for one in (update, show):
        one.add_argument("--json", action="store_true", help="print JSON")
        add_folder(one)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> None:
    report = _update(flags, config) if flags.command == "update" else _show(config)
    if flags.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    elif flags.command == "show":
        _print(report, config)
    else:
        _print_update(report)


def _show(config: "Config") -> Report:
    with _in_use(config) as file:
        return _report(config, file)


def _update(flags: argparse.Namespace, config: "Config") -> Report:
    from prisme.store.snapshot import creating
    from prisme.visit.geo_file import INSTALLED
    from prisme.visit.geo_unpack import SAMPLED, examining, sample, unpack

    source = Path(flags.source)
    if not config.data_dir.is_dir():
        raise InputError(
            f"there is no data folder {config.data_dir}: set the server's with --data-dir, or start it first"
        )
    target = config.geoip_db.resolve() if config.geoip_db else config.data_dir / INSTALLED
    try:
        with _alone(target.parent), creating(target) as part:
            unpack(source, part)
            with examining(part, source) as file:
                found = {"addresses": SAMPLED, **sample(file)}
                _ask(flags, config, file)
                report = _report(config, file._replace(path=part))
            _adopt(part, target)
    except OSError as error:
        raise InputError(f"{target} cannot be replaced: {error.strerror or error}; it is as it was") from error
    return msgspec.structs.replace(report, file=str(target), source=_source(config, target), sampled=found)


@contextlib.contextmanager
def _in_use(config: "Config") -> Iterator["GeoFile"]:
    """The file that a server with this configuration uses. Raises GeoError."""
    from prisme.visit.geo_file import GeoSource, list_paths

    file = GeoSource(list_paths(config.geoip_db, config.data_dir)).open()
    with contextlib.closing(file.reader):
        yield file


def _ask(flags: argparse.Namespace, config: "Config", new: "GeoFile") -> None:
    """Ask whether to replace a file of the operator, or one that has more. Raises InputError where the answer is no."""
    from prisme.visit.geo_file import GeoError

    reasons = [f"The option geoip_db names {config.geoip_db}, which would be replaced."] if config.geoip_db else []
    with contextlib.suppress(GeoError), _in_use(config) as old:
        missing = [name for name in old.columns if name not in new.columns]
        if new.built < old.built:
            reasons.append(f"{new.path} is of {show_day(new.built)}, the file in use of {show_day(old.built)}.")
        if missing:
            reasons.append(f"{new.path} has no {' and '.join(missing)}, the file in use has.")
    if reasons:
        confirm(" ".join([*reasons, "Replace it?"]), flags.yes)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second update of a file in this folder from running. Raises InputError for that one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InputError("another `prisme geoip update` is under way: try again when it has ended") from error
    finally:
        os.close(descriptor)


def _adopt(part: Path, target: Path) -> None:
    """Let those read the new file who may read the old one: the server may run as another user than this command."""
    exists = target.exists()
    known = (target if exists else target.parent).stat()
    part.chmod(known.st_mode & 0o777 if exists else 0o600)
    if os.geteuid() == 0:
        os.chown(part, known.st_uid, known.st_gid)


def _report(config: "Config", file: "GeoFile") -> Report:
    from prisme.visit.geo import Geo

    return Report(
        str(file.path),
        _source(config, file.path),
        file.kind,
        file.built,
        max(int(time.time()) - file.built, 0) // _DAY,
        file.path.stat().st_size,
        file.columns,
        Geo(file, config.geoip_precision).stored,
    )


def _source(config: "Config", path: Path) -> str:
    if config.geoip_db:
        return "option"
    return "installed" if path.parent == config.data_dir else "bundled"


def _print(report: Report, config: "Config") -> None:
    sources = {"option": "of the option geoip_db", "installed": "installed", "bundled": "comes with Prisme"}
    limit = "" if report.stored == report.columns else f" (geoip_precision = {config.geoip_precision})"
    print(f"file     {report.file} ({sources[report.source]})")
    print(f"type     {report.type}")
    print(f"built    {show_day(report.built)}, {report.age_days:,} days ago")
    print(f"size     {report.size / 1e6:,.1f} MB")
    print(f"has      {', '.join(report.columns)}")
    print(f"stored   {', '.join(report.stored)}{limit}")


def _print_update(report: Report) -> None:
    counts = [f"{report.sampled.get(name, 0):,} have a {name}" for name in report.columns]
    print(f"{report.file} is now {report.type} of {show_day(report.built)}, which has {', '.join(report.columns)}")
    print(f"of {report.sampled['addresses']:,} addresses that were tried, {', '.join(counts)}")
    print("a running server uses it within about ten seconds, and logs that it does")
    if len(report.stored) > 1:
        print(f"new visits are stored with {', '.join(report.stored)}; the option geoip_precision can limit that")
