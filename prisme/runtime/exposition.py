"""Metrics as families of Prometheus' client."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from prisme.runtime.metrics import Counter, Distribution, Gauge, Metric


class _Families(Collector):
    """Reads the metrics for each scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Family]:
        """Called by the registry."""
        for metric in self._metrics:
            match metric:
                case Counter():
                    yield _count(metric)
                case Gauge():
                    yield GaugeMetricFamily(metric.name, metric.help, value=metric.read())
                case Distribution():
                    yield _distribute(metric)


def make_registry(metrics: Iterable[Metric]) -> CollectorRegistry:
    """A registry of these metrics and those of the process."""
    registry = CollectorRegistry()
    registry.register(_Families(metrics))
    ProcessCollector(registry=registry)
    return registry


def _count(metric: Counter) -> Family:
    family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for labels, value in metric.read().items():
        family.add_metric(labels, value)
    return family


def _distribute(metric: Distribution) -> Family:
    """Prometheus' buckets are cumulative."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in metric.read().items():
        total = 0
        buckets = []
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        family.add_metric(labels, buckets, histogram.sum)
    return family
