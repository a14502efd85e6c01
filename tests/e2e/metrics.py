"""Reads the metrics of a running server."""

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.server import LiveServer, free_port

Samples = Counter[tuple[str, frozenset[tuple[str, str]]]]


def admin() -> str:
    """An address for the admin server."""
    return f"127.0.0.1:{free_port()}"


def ask_admin(server: LiveServer, method: str, path: str) -> httpx.Response:
    assert server.config.admin_hostport is not None
    host, port = server.config.admin_hostport
    return server.http.request(method, f"http://{host}:{port}{path}")


def scrape(server: LiveServer) -> Samples:
    """All samples, by name and labels; each has to be there once."""
    text = ask_admin(server, "GET", "/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    read: Samples = Counter({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})
    assert len(read) == len(samples), "a sample came twice"
    return read


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def value(server: LiveServer, name: str, **labels: str) -> float:
    """One sample; 0 where there is none."""
    return scrape(server)[key(name, **labels)]
