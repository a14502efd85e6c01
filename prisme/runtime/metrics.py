"""Metrics for Prometheus. Counting costs an integer addition; values are read only when they are scraped."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

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


class Gauge(NamedTuple):
    """A value that goes up and down; `read` is called for each scrape."""

    name: str
    help: str
    read: Callable[[], float]


class Distribution(NamedTuple):
    """Histograms by labels; `read` is called for each scrape."""

    name: str
    help: str
    labels: Labels
    read: Callable[[], Mapping[Labels, Histogram]]


Metric = Counter | Gauge | Distribution


class Metrics:
    """These metrics and those of the process, as a text for Prometheus."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def text(self) -> bytes:
        """The text exposition format, version 0.0.4."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    @cached_property
    def _registry(self) -> "CollectorRegistry":
        """Made for the first scrape: a server that nobody monitors has no need of Prometheus' client."""
        from prisme.runtime.exposition import make_registry

        return make_registry(self._metrics)
