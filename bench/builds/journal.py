"""The start with a full journal, and the bytes that a pageview takes on the disk: segments of each build's own."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.builds.checkout import Build
from bench.builds.quiet import wait_prepared
from bench.builds.result import Part, Reach, compare
from bench.check import check_stored, count_all
from bench.endurance.start import time_start
from bench.endurance.traffic import AT_ONCE, UNHURRIED
from bench.server import database, running

_WRITER = str(Path(__file__).with_name("write_journal.py"))
# The lines that are left over, as in endurance/start.py, and those on the disk, as in endurance/disk.py.
START_EVENTS, DISK_EVENTS = 31_000, 15_000


def run_start(builds: tuple[Build, Build], lines: int, rounds: int, say: Callable[[str], None]) -> Part:
    """Start both in turns with so many lines left over. Raises ServerError."""
    count, events = _split(lines, START_EVENTS)
    seconds: dict[str, list[float]] = {build.name: [] for build in builds}
    peaks: dict[str, list[float]] = {build.name: [] for build in builds}
    failures = []
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        visits = {build.name: _write(build, Path(name) / build.name, AT_ONCE, count, events) for build in builds}
        for number in range(rounds):
            for build in builds if number % 2 else builds[::-1]:
                segments = sorted((Path(name) / build.name).iterdir())
                folder = Path(name) / f"{build.name}-{number}"
                one = time_start(folder, segments, build.serve)
                seconds[build.name].append(one.loaded)
                peaks[build.name].append(one.peak_memory / 1e6)
                stored = count_all(database(folder), count * events, visits[build.name])
                failures += [f"{build.name}: {fault}" for fault in check_stored(stored)]
            say(f"start: {', '.join(f'{name} {found[-1]:.2f} s' for name, found in seconds.items())}")
    what = f"start with {count * events:,} lines left over"
    figures = [
        compare(what, "s", (seconds["older"], seconds["newer"]), Reach(0.80)),
        compare("peak memory of it", "MB", (peaks["older"], peaks["newer"])),
    ]
    return Part(figures, [f"Start: medians of {rounds}, until all was loaded, and stored each time."], failures)


def run_disk(builds: tuple[Build, Build], pageviews: int, say: Callable[[str], None]) -> Part:
    """Load so many pageviews, by visitors at a time as wrk has them and by slow ones. Raises ServerError."""
    count, events = _split(pageviews, DISK_EVENTS)
    figures, failures = [], []
    for under_way in (AT_ONCE, UNHURRIED):
        sizes = []
        for build in builds:
            with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
                path = database(Path(name))
                visits = _write(build, path.parent / "journal", under_way, count, events)
                # Its own loader, one segment after the other; then a server, should it have work left for later.
                build.run("-m", "bench.endurance.loading", str(path.parent))
                with running(build.serve(Path(name))) as server:
                    wait_prepared(server)
                    server.stop()
                stored = count_all(path, count * events, visits)
                failures += [f"{build.name}: {fault}" for fault in check_stored(stored)]
                sizes.append(stored.database_bytes / stored.pageviews)
            say(f"disk: {build.name}, {under_way:,} visits at a time: {sizes[-1]:.1f} bytes a pageview")
        what = f"a pageview on disk, {under_way:,} visits at a time"
        figures.append(compare(what, "bytes", ([sizes[0]], [sizes[1]]), Reach(1.0)))
    note = f"Disk: {count * events:,} pageviews in segments of {events:,}, after a checkpoint; the file with all in it."
    return Part(figures, [note], failures)


def _split(lines: int, most: int) -> tuple[int, int]:
    """The number of segments, and the lines of each."""
    return (lines // most, most) if lines >= most else (1, lines)


def _write(build: Build, folder: Path, under_way: int, count: int, events: int) -> int:
    """Write segments by a build's own encoder; returns how many visits began."""
    return int(build.run("-P", _WRITER, str(folder), str(under_way), str(count), str(events)))
