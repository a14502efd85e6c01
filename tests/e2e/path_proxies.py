"""The proxies of docs/proxy.md that have Prisme under a path of a site, with the path passed on or removed."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.proxies import HEALTH, HOST, Front, answers, blocks, make_certificate, nginx, put, running, running_caddy
from tests.server import free_port

PATH = "/stats"
SITE = "The site itself"


def website(folder: Path) -> str:
    """The site's own pages; the folder that they are in."""
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text(SITE)
    return str(folder / "www")


@contextlib.contextmanager
def path_nginx(folder: Path, backend: int, removes: bool) -> Iterator[Front]:
    port = free_port()
    key, certificate = make_certificate(folder)
    sites = put(
        blocks("nginx")[2],
        {
            "127.0.0.1:8000": f"127.0.0.1:{backend}",
            "listen [::]:443 ssl;": "",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "server_name example.com;": f"server_name {HOST};",
            "/etc/letsencrypt/live/example.com/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
            "/var/www/example.com": website(folder),
            **({"proxy_pass http://prisme;": "proxy_pass http://prisme/;"} if removes else {}),
        },
    )
    trust = ssl.create_default_context(cafile=certificate)
    with running(nginx(folder, sites), folder, lambda: answers(port, trust, PATH + HEALTH)):
        yield Front(port, trust, 0)


@contextlib.contextmanager
def path_caddy(folder: Path, backend: int, removes: bool) -> Iterator[Front]:
    port, plain_port = free_port(), free_port()
    sites = put(
        blocks("caddyfile")[2],
        {
            "127.0.0.1:8000": f"127.0.0.1:{backend}",
            "example.com {": f"{HOST} {{",
            "/var/www/example.com": website(folder),
            **({"handle /stats/*": "handle_path /stats/*"} if removes else {}),
        },
    )
    with running_caddy(folder, sites, port, plain_port, PATH + HEALTH) as front:
        yield front


UNDER_A_PATH = {"nginx": path_nginx, "caddy": path_caddy}
