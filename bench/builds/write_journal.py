"""`python -P write_journal.py FOLDER VISITS SEGMENTS EVENTS`: segments by the encoder of the build on the path.

`VISITS` are under way at a time. Prints how many visits began. Run as a file, as older builds do not have it.
"""

import sys
import time
from pathlib import Path

from bench.endurance.traffic import Traffic


def _main(folder: str, visits: str, segments: str, events: str) -> None:
    traffic = Traffic(1, int(visits), time.time_ns() // 1000)
    traffic.write(Path(folder), int(segments), int(events))
    print(traffic.visits)


if __name__ == "__main__":
    _main(*sys.argv[1:])
