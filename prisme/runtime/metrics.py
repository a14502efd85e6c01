"""Metrics that cost nothing but an integer where they are counted: Prometheus reads them when it comes."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Histogram:
    """Observations by bucket: `counts[i]` had at most `bounds[i]`, the last one had more."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Counter(NamedTuple):
    """A name that ends in `_total`, what it counts, its labels, and where to read it."""

    name: str
    help: str
    labels: Labels
    read: Callable[[], Mapping[Labels, float]]

    def collect(self) -> Family:
        """As Prometheus' client has it."""
        family = CounterMetricFamily(self.name.removesuffix("_total"), self.help, labels=self.labels)
        for labels, value in self.read().items():
            family.add_metric(labels, value)
        return family


class Gauge(NamedTuple):
    """A value that goes up and down."""

    name: str
    help: str
    read: Callable[[], float]

    def collect(self) -> Family:
        """As Prometheus' client has it."""
        return GaugeMetricFamily(self.name, self.help, value=self.read())


class Distribution(NamedTuple):
    """Histograms of one name."""

    name: str
    help: str
    labels: Labels
    read: Callable[[], Mapping[Labels, Histogram]]

    def collect(self) -> Family:
        """As Prometheus' client has it: buckets add up."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, histogram in self.read().items():
            total = 0
            buckets = []
            for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(labels, buckets, histogram.sum)
        return family


Metric = Counter | Gauge | Distribution


class Metrics(Collector):
    """All metrics, and the process's own."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Family]:
        """Called by the registry."""
        for metric in self._metrics:
            yield metric.collect()

    def text(self) -> bytes:
        """The text exposition format, version 0.0.4."""
        return generate_latest(self._registry)
