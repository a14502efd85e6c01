"""Metrics as Prometheus reads them: names, kinds, labels, buckets, and what never breaks the text."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prisme.runtime.metrics import Counter, Distribution, Gauge, Histogram, Metrics


def read(*metrics: Counter | Gauge | Distribution) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample but the process's own, by name and labels."""
    families = text_string_to_metric_families(Metrics(metrics).text().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        if not family.name.startswith("process_")
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        pytest.param([], [0, 0, 0], id="none"),
        pytest.param([0.0, -1.0], [2, 0, 0], id="below"),
        pytest.param([1.0], [1, 0, 0], id="on the first bound"),
        pytest.param([1.0001, 5.0], [0, 2, 0], id="on the second bound"),
        pytest.param([5.0001, math.inf], [0, 0, 2], id="above all"),
    ],
)
def test_observation_goes_to_its_bucket(values: list[float], counts: list[int]) -> None:
    histogram = Histogram((1.0, 5.0))
    for value in values:
        histogram.observe(value)
    assert histogram.counts == counts
    assert histogram.sum == sum(values)


def test_each_kind_is_read_when_asked() -> None:
    histogram = Histogram((0.5, 10))
    counted: dict[tuple[str, ...], float] = {("a",): 2}
    metrics = Metrics(
        [
            Counter("things_total", "Things.", ("kind",), lambda: counted),
            Gauge("level", "A level.", lambda: len(counted)),
            Distribution("size", "Sizes.", (), lambda: {(): histogram}),
        ]
    )
    for value in (0.1, 0.5, 3, 11):
        histogram.observe(value)
    counted["b",] = 3
    lines = metrics.text().decode().splitlines()
    assert [line for line in lines if "process_" not in line] == [
        "# HELP things_total Things.",
        "# TYPE things_total counter",
        'things_total{kind="a"} 2.0',
        'things_total{kind="b"} 3.0',
        "# HELP level A level.",
        "# TYPE level gauge",
        "level 2.0",
        "# HELP size Sizes.",
        "# TYPE size histogram",
        'size_bucket{le="0.5"} 2.0',
        'size_bucket{le="10"} 3.0',
        'size_bucket{le="+Inf"} 4.0',
        "size_count 4.0",
        "size_sum 14.6",
    ]


def test_histograms_of_one_name_are_told_apart_by_labels() -> None:
    first, second = Histogram((1,)), Histogram((1,))
    first.observe(1)
    second.observe(2)
    second.observe(2)
    named: Mapping[tuple[str, ...], Histogram] = {("a", "x"): first, ("b", "x"): second}
    assert read(Distribution("size", "Sizes.", ("one", "two"), lambda: named)) == {
        key("size_bucket", le="1", one="a", two="x"): 1,
        key("size_bucket", le="+Inf", one="a", two="x"): 1,
        key("size_count", one="a", two="x"): 1,
        key("size_sum", one="a", two="x"): 1,
        key("size_bucket", le="1", one="b", two="x"): 0,
        key("size_bucket", le="+Inf", one="b", two="x"): 2,
        key("size_count", one="b", two="x"): 2,
        key("size_sum", one="b", two="x"): 4,
    }


@pytest.mark.parametrize("value", ['"', "\\", "\n", 'a="1"} 2', "\u00fc", ""])
def test_label_says_anything_and_breaks_nothing(value: str) -> None:
    counter = Counter("things_total", "Things.", ("kind",), lambda: {(value,): 1})
    assert read(counter) == {key("things_total", kind=value): 1}


@pytest.mark.skipif(sys.platform != "linux", reason="the process is read from /proc")
def test_process_tells_of_itself() -> None:
    families = text_string_to_metric_families(Metrics([]).text().decode())
    told = {sample.name: sample.value for family in families for sample in family.samples}
    assert set(told) == {
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
    }
    assert told["process_virtual_memory_bytes"] > told["process_resident_memory_bytes"] > 1_000_000
    assert abs(told["process_open_fds"] - len(list(Path("/proc/self/fd").iterdir()))) <= 2
