"""What the tests of operations share: the blocks of docs/operations.md, and the samples of the admin server."""

import re
from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.checkout import ROOT
from tests.server import LiveServer, free_port

PAGE = (ROOT / "docs" / "operations.md").read_text()
Samples = Counter[tuple[str, frozenset[tuple[str, str]]]]


def block(language: str, part: str) -> str:
    """The page's only block of a language that has `part` in it."""
    (found,) = (
        str(text) for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if part in text
    )
    return found


def admin() -> str:
    """An address for the admin server."""
    return f"127.0.0.1:{free_port()}"


def ask_admin(server: LiveServer, method: str, path: str) -> httpx.Response:
    assert server.config.admin_hostport is not None
    host, port = server.config.admin_hostport
    return server.http.request(method, f"http://{host}:{port}{path}")


def scrape(server: LiveServer) -> Samples:
    """All samples, by name and labels."""
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
