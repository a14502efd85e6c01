"""Sites of other origins than Prisme's: the pages in this folder and those that tests write, on one port, any host."""

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.server import PATIENCE

HERE = Path(__file__).parent
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".pdf": "application/pdf"}
# A reverse proxy of the site's own leads from here to Prisme.
PROXY = "/stats"


class StatsQuery(NamedTuple):
    """A request that the sites got."""

    method: str
    host: str
    path: str


class Sites:
    """`with Sites(url) as sites:` serves until the block ends.

    In pages, `https://stats.example.com` stands for Prisme and `https://elsewhere.example` for another site.
    """

    def __init__(self, prisme: str) -> None:
        self._prisme = prisme
        self._pages: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
        self._held = "nothing"
        self._go_on = threading.Event()
        self.asked: list[StatsQuery] = []
        sites = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host, path = self.headers["Host"], self.path.partition("?")[0]
                sites.asked.append(StatsQuery(self.command, host, self.path))
                if path.startswith(PROXY):
                    self._pass_on()
                else:
                    self._answer(*sites.find(host, path))

            do_POST = do_OPTIONS = do_GET  # noqa: N815  # names that the base class asks for

            def _pass_on(self) -> None:
                if sites._held in self.path:
                    sites._go_on.wait(PATIENCE)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with closing(http.client.HTTPConnection(prisme.removeprefix("http://"))) as upstream:
                    upstream.request(self.command, self.path.removeprefix(PROXY), body, dict(self.headers))
                    answer = upstream.getresponse()
                    content = answer.read()
                headers = {name: value for name, value in answer.getheaders() if name not in {"date", "server"}}
                self._answer(answer.status, content, headers)

            def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                with suppress(ConnectionError):  # whoever asked may have left
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.elsewhere = f"elsewhere.site.localhost:{self.port}"

    def publish(self, host: str, path: str, html: str, **headers: str) -> str:
        """Put a page on a host; gives its URL."""
        self._pages[host, path] = html, {name.replace("_", "-"): value for name, value in headers.items()}
        return f"http://{host}{path}"

    def was_asked(self, host: str, start: str, times: int = 1) -> bool:
        """Whether a host got requests for what begins like that, and so many."""
        return sum(one.host == host and one.path.startswith(start) for one in self.asked) >= times

    @contextmanager
    def hold(self, part: str) -> Iterator[None]:
        """While this lasts, the reverse proxy sits on requests with `part` in their path."""
        self._go_on.clear()
        self._held = part
        yield
        self._held = "nothing"
        self._go_on.set()

    def fill(self, text: str) -> str:
        """A page's text with real origins in it."""
        return text.replace("https://stats.example.com", self._prisme).replace(
            "https://elsewhere.example", f"http://{self.elsewhere}"
        )

    def find(self, host: str, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers of a page."""
        html, headers = self._pages.get((host, path), ("", {}))
        file = HERE / path.lstrip("/")
        if path.endswith("/"):
            file /= "index.html"
        elif path.startswith("/app/"):
            file = HERE / "app" / "index.html"
        if html:
            content, kind = self.fill(html).encode(), ".html"
        elif file.is_file():
            content, kind = self.fill(file.read_text()).encode(), file.suffix
        else:
            content, kind = b"", ".html"
        # No `no-store`, which would keep pages out of the back/forward cache.
        return 200, content, {"Content-Type": TYPES[kind], "Content-Length": str(len(content))} | headers

    def __enter__(self) -> "Sites":
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
