"""The result of a run: the measurements, the machine, and the figures derived from them. Values only."""

import math
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

RESULTS = Path(__file__).parent / "results"
PERCENTILES = ("p50", "p90", "p99", "p99.9")


class Report(msgspec.Struct, frozen=True):
    """What wrk and its script counted in one round. Latencies in microseconds, by percentile.

    `rows`, by table, is what is to be stored where all is answered as expected. `wrong` is the first response that was
    not, where the load looks at responses.
    """

    sent: int
    refusals_expected: int
    visits: int
    answered: int
    refusals: int
    socket_errors: int
    cpu_seconds: float
    latency_us: dict[str, float]
    rows: dict[str, int] = {}
    wrong: str = ""

    @property
    def accepted(self) -> int:
        """Requests answered with success."""
        return self.answered - self.refusals


class Round(msgspec.Struct, frozen=True):
    """One server's round. CPU is in seconds; the server's includes the work that it finished after the load.

    `others_cpu` is what the rest of the machine used at that time.
    """

    report: Report
    load_seconds: float
    server_cpu: float
    wrk_cpu_share: float
    others_cpu: float
    catch_up_seconds: float

    @property
    def rate(self) -> float:
        """Responses per second. In a valid run, every request got the expected one (see `check_report`)."""
        return self.report.answered / self.load_seconds


class Side(msgspec.Struct, frozen=True):
    """One server: its rounds, and its peak memory (VmHWM) in bytes."""

    name: str
    rounds: list[Round]
    peak_memory: int

    @property
    def cpu_seconds(self) -> float:
        """CPU of all rounds."""
        return sum(one.server_cpu for one in self.rounds)

    @property
    def cpu_per_request(self) -> float:
        """Microseconds of CPU per request answered."""
        return self.cpu_seconds / sum(one.report.answered for one in self.rounds) * 1e6


class Stored(msgspec.Struct, frozen=True):
    """The rows in the database after the stop, and the accepted events, including the warm-up.

    `accepted` is of pageviews; `events` and `events_accepted` are of all else, by table.
    """

    accepted: int
    pageviews: int
    visits: int
    sessions: int
    pageviews_of_sessions: int
    stop_seconds: float
    database_bytes: int
    events_accepted: dict[str, int] = {}
    events: dict[str, int] = {}


class Result(msgspec.Struct, frozen=True):
    """A whole run. `stored` is None where nothing stores (bare against bare).

    `bare` is what Prisme is compared with: the bare callable, or another program, of which `notes` tell.
    """

    work: str
    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, int | float | str]
    bare: Side
    other: Side
    stored: Stored | None
    failures: list[str]
    notes: list[str] = []

    @property
    def rate_ratios(self) -> list[float]:
        """For each round, the other server's rate divided by the bare one's."""
        return self.ratios(lambda one: one.rate)

    def ratios(self, figure: Callable[[Round], float]) -> list[float]:
        """For each round, the other server's figure divided by the bare one's."""
        return [
            figure(other) / (figure(bare) or 1e-9)
            for bare, other in zip(self.bare.rounds, self.other.rounds, strict=True)
        ]


def middle(side: Side, figure: Callable[[Round], float]) -> float:
    """The median of the rounds' figures."""
    return median(figure(one) for one in side.rounds)


def percentile(values: list[float], share: float) -> float:
    """The value that a `share` of the sorted values does not exceed; there has to be at least one."""
    return values[math.ceil(share * len(values)) - 1]


def save(run: msgspec.Struct, name: str) -> Path:
    """Write a run of any kind; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    return path


def read(path: Path) -> Result:
    """Read a result that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Result)


def kept() -> list[Path]:
    """The files of all kept results, without the latest ones."""
    return sorted(path for path in RESULTS.glob("*.json") if not path.name.startswith("latest-"))
