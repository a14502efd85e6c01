"""Metrics for Prometheus. Counting costs an integer addition; values are read only when they are scraped."""

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
    """Observations by bucket: `counts[i]` were at most `bounds[i]`, and those in the last one were larger."""

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
    """Counts by labels; the name ends in `_total`, and `read` is called for each scrape."""

    name: str
    help: str
    labels: Labels
    read: Callable[[], Mapping[Labels, float]]

    def collect(self) -> Family:
        """For Prometheus' client."""
        family = CounterMetricFamily(self.name.removesuffix("_total"), self.help, labels=self.labels)
        for labels, value in self.read().items():
            family.add_metric(labels, value)
        return family


class Gauge(NamedTuple):
    """A value that goes up and down; `read` is called for each scrape."""

    name: str
    help: str
    read: Callable[[], float]

    def collect(self) -> Family:
        """For Prometheus' client."""
        return GaugeMetricFamily(self.name, self.help, value=self.read())


class Distribution(NamedTuple):
    """Histograms by labels; `read` is called for each scrape."""

    name: str
    help: str
    labels: Labels
    read: Callable[[], Mapping[Labels, Histogram]]

    def collect(self) -> Family:
        """For Prometheus' client, whose buckets are cumulative."""
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
    """These metrics and those of the process, as a text for Prometheus."""

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
