"""A program with the manners of `prisme import`, without its readers: what it does stands in the files.

The first line of each file is JSON: `rows` and the like are added up to its report, `fault` is said, and `wait` is
waited for, until an interrupt. It tells a file beside the data how it was called.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, str(Path(__file__)))
CALLS = "calls.ndjson"
NAME = "goatcounter-1"


def main(words: list[str]) -> int:
    """Behave as the files say."""
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    name, *files = [word for word in words if not word.startswith("--")]
    folder = Path(options["data-dir"])
    said: list[dict[str, Any]] = [json.loads(Path(file).read_text().partition("\n")[0] or "{}") for file in files]
    if any("ignores" in one for one in said):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    call = {"format": name, "files": files, "options": options, "pid": os.getpid(), "nice": os.nice(0)}
    with (folder / CALLS).open("a") as calls:
        calls.write(json.dumps(call) + "\n")
    try:
        for one in said:
            wait = one.get("wait", 0)
            time.sleep(wait if one.get("waits-for", "yes") in options else 0)
    except KeyboardInterrupt:
        print("prisme: interrupted", file=sys.stderr)
        return 130
    faults = [one["fault"] for one in said if "fault" in one]
    if faults:
        print(f"prisme: {faults[0].format(file=files[0])}", file=sys.stderr)
        return 1
    print(json.dumps(make_report(name, said, is_dry="dry-run" in options)))
    return 0


def make_report(name: str, said: list[dict[str, Any]], *, is_dry: bool) -> dict[str, Any]:
    """The report that the files ask for."""
    report: dict[str, Any] = {
        "name": None if is_dry else NAME,
        "format": "goatcounter" if name == "auto" else name,
        "rows": sum(one.get("rows", 1) for one in said),
        "visits": sum(one.get("visits", 1) for one in said),
        "pageviews": 3, "events": 1, "figures": 0,
        "first": "2026-01-01T10:00:00Z", "last": "2026-02-03T10:00:00Z",
        "sites": {"example.com": 1}, "already_there": 2, "overlap_days": 4,
        "skipped": {"bots": 7}, "bad": 1,
        "bad_lines": [{"file": "log.csv", "number": 9, "why": "no time", "text": "<b>odd</b>"}],
    }  # fmt: skip
    for one in said:
        report |= one.get("report", {})
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
