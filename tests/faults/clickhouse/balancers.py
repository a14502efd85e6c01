"""The balancers of docs/cluster.md, configured as it says, in front of servers on this machine."""

import contextlib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from tests.checkout import ROOT
from tests.e2e.proxies import HOST, make_certificate, nginx, put, running
from tests.requirements import need
from tests.server import free_port

PAGE: Final = (ROOT / "docs" / "cluster.md").read_text()
SCRIPT: Final = "the copy"
FIGURES: Final = "10.0.0.10"
NODES: Final = [f"10.0.0.{number}" for number in range(11, 19)]
_DOCUMENTED: Final = 3  # nodes
_COPY: Final = "/var/www/prisme"
# Ports of the nodes, and that of the node with the figures.
Make = Callable[[Path, Sequence[int], int], contextlib.AbstractContextManager["Balancer"]]


class Balancer(NamedTuple):
    """A running balancer: its port, and whom its certificate is from."""

    port: int
    trust: ssl.SSLContext


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@contextlib.contextmanager
def run_nginx(folder: Path, nodes: Sequence[int], figures: int) -> Iterator[Balancer]:
    """nginx with the page's configuration."""
    port = free_port()
    key, certificate = make_certificate(folder)
    sites = put(
        _place(blocks("nginx")[0], nodes, figures),
        {
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(certificate),
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(key),
            _COPY: str(_copy_script(folder)),
        },
    )
    trust = ssl.create_default_context(cafile=certificate)
    with running(nginx(folder, sites), folder, lambda: _answers(port, trust)):
        yield Balancer(port, trust)


@contextlib.contextmanager
def run_haproxy(folder: Path, nodes: Sequence[int], figures: int) -> Iterator[Balancer]:
    """HAProxy with the page's configuration."""
    program, port = need("haproxy", "haproxy"), free_port()
    key, certificate = make_certificate(folder)
    pair = folder / "pair.pem"
    pair.write_text(certificate.read_text() + key.read_text())
    text = put(
        _place(blocks("haproxy")[0], nodes, figures),
        {
            "maxconn 20000": "maxconn 1000",  # more than the files that this machine may allow
            "bind :80": f"bind 127.0.0.1:{free_port()}",
            "bind :443": f"bind 127.0.0.1:{port}",
            f"/etc/haproxy/{HOST}.pem": str(pair),
            _COPY: str(_copy_script(folder)),
        },
    )
    (folder / "haproxy.cfg").write_text(text)
    trust = ssl.create_default_context(cafile=certificate)
    with running([program, "-db", "-f", "haproxy.cfg"], folder, lambda: _answers(port, trust)):
        yield Balancer(port, trust)


BALANCERS: Final[dict[str, Make]] = {"nginx": run_nginx, "haproxy": run_haproxy}


def _place(text: str, nodes: Sequence[int], figures: int) -> str:
    """The configuration for servers on these ports; beside the page's nodes, others have lines as the last one has."""
    last = NODES[_DOCUMENTED - 1]
    for address in NODES[_DOCUMENTED : len(nodes)]:
        number = address.rpartition(".")[2]
        names = {last: address, "node3": f"node{int(number) - 10}", "id 13": f"id {number}"}

        def add(line: re.Match[str], names: dict[str, str] = names) -> str:
            other = line[0]
            for old, new in names.items():
                other = other.replace(old, new)
            return f"{line[0]}\n{other}"

        text = re.sub(rf"^.*{re.escape(last)}:.*$", add, text, flags=re.MULTILINE)
    ports = dict(zip([FIGURES, *NODES[: len(nodes)]], [figures, *nodes], strict=True))
    return put(text, {f"{address}:8000": f"127.0.0.1:{port}" for address, port in ports.items()})


def _copy_script(folder: Path) -> Path:
    """A folder with a copy of the tracking script."""
    copy = folder / "copy" / "static" / "wa.js"
    copy.parent.mkdir(parents=True)
    copy.write_text(SCRIPT)
    return folder / "copy"


def _answers(port: int, trust: ssl.SSLContext) -> bool:
    """Whether it leads to the node with the figures."""
    try:
        with httpx.Client(verify=trust, base_url=f"https://127.0.0.1:{port}") as client:
            asked = client.get("/", headers={"Host": HOST}, extensions={"sni_hostname": HOST})
            return asked.status_code < 500
    except httpx.TransportError:
        return False
