"""The rates of two servers that take turns, one with DuckDB and one with ClickHouse, and their CPU.

ClickHouse's own CPU is told apart, as it is that of another machine where there are several; here, it shares the cores
of all others.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench import machine
from bench.builds.result import Figure, Part, Reach, compare
from bench.check import check_report, check_stored, doubts
from bench.contest import WARM_UP_SECONDS, Tally, count_stored, run_round
from bench.result import Round, Stored
from bench.server import SITE, Server, database, running, start_prisme
from bench.wrk import Load
from prisme.store.clickhouse.client import Client
from tests.clickhouse.engine import Engine

DUCKDB, CLICKHOUSE = "duckdb", "clickhouse"
_DATABASE: Final = "prisme"
_EVENTS: Final = ("events_custom", "file_downloads", "outbound_link_clicks")
_TOP_RATE: Final = Reach(0.9, least=True)
_IDLE: Final = 0.5  # seconds of an engine that has no work left, and the CPU that it may use in them
_IDLE_CPU: Final = 0.1
_LONGEST_MERGES: Final = 30.0


class Store(NamedTuple):
    """A server with one event store: its tally, and the CPU seconds of ClickHouse in each of its rounds."""

    tally: Tally
    server: Server
    folder: Path
    engine: Engine | None
    engine_cpu: list[float]


def run(works: list[str], rounds: int, seconds: int, rate: int, say: Callable[[str], None]) -> list[Part]:
    """Two parts for each work: as many requests as are answered, and `rate` a second.

    Raises ServerError or WrkError; the servers are gone afterwards.
    """
    return [_measure(Load(work, seconds, rate=one), rounds, say) for work in works for one in (0, rate)]


def _measure(load: Load, rounds: int, say: Callable[[str], None]) -> Part:
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name, ExitStack() as stack:
        engine = stack.enter_context(Engine(Path(name) / "engine"))
        stores = [_start(stack, Path(name), None), _start(stack, Path(name), engine)]
        failures = _take_turns(stores, load, rounds, say)
        if failures:
            return Part([], [], failures)
        for store in stores:
            stop_seconds = store.server.stop()
            stored = (
                count_stored(database(store.folder), store.tally, stop_seconds)
                if store.engine is None
                else count_in_clickhouse(store.engine, store.tally, stop_seconds)
            )
            failures += [f"{store.tally.server.name}: {fault}" for fault in check_stored(stored)]
    return Part(conclude(load, *stores), _tell(load, rounds, stores), failures)


def _start(stack: ExitStack, above: Path, engine: Engine | None) -> Store:
    name = DUCKDB if engine is None else CLICKHOUSE
    folder = above / name
    folder.mkdir()
    address = "" if engine is None else f"http://{engine.endpoint.host}:{engine.endpoint.port}"
    more = (
        {}
        if engine is None
        else {"eventstore": CLICKHOUSE, "clickhouse-url": address, "clickhouse-database": _DATABASE}
    )
    server = stack.enter_context(running(start_prisme(folder, more, name=name)))
    return Store(Tally(server), server, folder, engine, [])


def _take_turns(stores: list[Store], load: Load, rounds: int, say: Callable[[str], None]) -> list[str]:
    """A warm-up and the rounds; returns the failures, of which the first ends it."""
    first_visit = 0
    for number in range(rounds + 1):
        one_load = load if number else msgspec.structs.replace(load, seconds=WARM_UP_SECONDS)
        visits, told = [], []
        for store in stores if number % 2 else stores[::-1]:
            one, engine_cpu = _run_round(one_load, store, first_visit)
            visits.append(one.report.visits)
            told.append(f"{store.tally.server.name} {one.report.accepted / one.load_seconds:,.0f}/s")
            if faults := check_report(store.tally.server.name, one.report, one.report.refusals_expected):
                return [f"{_name(load)}: {fault}" for fault in faults]
            if number:
                store.tally.rounds.append(one)
                store.engine_cpu.append(engine_cpu)
        first_visit += max(visits) + load.threads
        say(f"{_name(load)}: {f'round {number} of {rounds}' if number else 'warm-up'}: {', '.join(sorted(told))}")
    return []


def _run_round(load: Load, store: Store, first_visit: int) -> tuple[Round, float]:
    """A round, and the CPU seconds of ClickHouse, which are left out of what others used.

    The next round begins when ClickHouse has merged what it has, so that this slows neither server.
    """
    if store.engine is None:
        return run_round(load, store.tally, first_visit), 0.0
    before = machine.cpu_seconds(store.engine.pid)
    one = run_round(load, store.tally, first_visit)
    under_load = machine.cpu_seconds(store.engine.pid) - before
    _wait_idle(store.engine.pid)
    others = max(one.others_cpu - under_load / (load.seconds + one.catch_up_seconds), 0.0)
    spent = machine.cpu_seconds(store.engine.pid) - before
    return msgspec.structs.replace(one, others_cpu=round(others, 3)), spent


def _wait_idle(pid: int) -> None:
    """Wait until a process hardly uses its CPU, but not for ever."""
    deadline = time.monotonic() + _LONGEST_MERGES
    while time.monotonic() < deadline:
        before = machine.cpu_seconds(pid)
        time.sleep(_IDLE)
        if machine.cpu_seconds(pid) - before < _IDLE_CPU * _IDLE:
            return


def count_in_clickhouse(engine: Engine, tally: Tally, stop_seconds: float) -> Stored:
    """What `count_stored` counts, in ClickHouse. Of a visit, its newest state counts."""
    client = engine.client()
    try:
        counts = {
            name: _ask(client, f"SELECT count() FROM {_DATABASE}.{name} WHERE domain = '{SITE}'") for name in _EVENTS
        }
        sessions = f"FROM {_DATABASE}.sessions FINAL WHERE domain = '{SITE}'"
        pageviews = _ask(client, f"SELECT count() FROM {_DATABASE}.pageviews WHERE domain = '{SITE}'")
        visits, of_sessions = (
            _ask(client, f"SELECT count() {sessions}"),
            _ask(client, f"SELECT sum(pageviews) {sessions}"),
        )
        size = _ask(client, f"SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '{_DATABASE}'")
    finally:
        client.close()
    return Stored(
        tally.rows["pageviews"],
        pageviews,
        tally.visits,
        visits,
        of_sessions,
        round(stop_seconds, 2),
        size,
        {table: tally.rows[table] for table in _EVENTS},
        counts,
    )


def _ask(client: Client, query: str) -> int:
    ((number,),) = client.query(query)
    return int(number)


def conclude(load: Load, duckdb: Store, clickhouse: Store) -> list[Figure]:
    """The figures of the rounds of both."""
    name, stores = _name(load), (duckdb, clickhouse)

    def take(figure: Callable[[Round], float]) -> tuple[list[float], list[float]]:
        one, two = ([figure(one) for one in store.tally.rounds] for store in stores)
        return one, two

    engine_cpu = [
        spent / max(one.report.accepted, 1) * 1e6
        for spent, one in zip(clickhouse.engine_cpu, clickhouse.tally.rounds, strict=True)
    ]
    return [
        compare(
            f"{name}: accepted",
            "a second",
            take(lambda one: one.report.accepted / one.load_seconds),
            None if load.rate else _TOP_RATE,
        ),
        compare(f"{name}: CPU of Prisme for each", "us", take(_cost)),
        compare(f"{name}: CPU of ClickHouse for each", "us", ([0.0] * len(engine_cpu), engine_cpu)),
        compare(f"{name}: p99", "ms", take(lambda one: one.report.latency_us["p99"] / 1000)),
        compare(f"{name}: all stored after", "s", take(lambda one: one.catch_up_seconds)),
    ]


def _tell(load: Load, rounds: int, stores: list[Store]) -> list[str]:
    others = max(one.others_cpu for store in stores for one in store.tally.rounds)
    wrk_share = max(one.wrk_cpu_share for store in stores for one in store.tally.rounds)
    return [
        f"{_name(load)}: {rounds} rounds of {load.seconds} s; others used {others:.2f} cores at most.",
        *(f"{_name(load)}: {doubt}." for doubt in doubts(wrk_share, load.threads, others)),
    ]


def _name(load: Load) -> str:
    return f"{load.work}, {load.rate:,} a second" if load.rate else f"{load.work}, top rate"


def _cost(one: Round) -> float:
    return one.server_cpu / max(one.report.accepted, 1) * 1e6
