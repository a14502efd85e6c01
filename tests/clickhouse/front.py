"""ClickHouse's engine behind HTTP, as its server's interface is, as far as the official client and Prisme need it.

`python -m tests.clickhouse.front PORT FOLDER` serves on loopback until it is killed. A folder is for one process.
"""

import re
import sys
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

# What is no setting of the engine's among the parameters of a URL.
_OF_HTTP: Final = {
    "query", "database", "query_id", "session_id", "wait_end_of_query", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "enable_http_compression", "client_protocol_version", "user", "password",
    "cancel_http_readonly_queries_on_client_close", "compress", "decompress",
}  # fmt: skip
_FORMAT: Final = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT: Final = re.compile(rb"\s*(INSERT\s+INTO\s[^\n]*?)\s+FORMAT\s+(\w+)[ \t]*\n", re.IGNORECASE)
_KILL: Final = "KILL QUERY WHERE query_id = {id:String}"
_CODE: Final = re.compile(r"Code: (\d+)\.")
_STATUS: Final = {60: 404, 81: 404, 516: 403}


class Handler(BaseHTTPRequestHandler):
    """One request at a time of a connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets, of which the second one would wait for 40 ms
    folder = ""

    def do_GET(self) -> None:
        """`/ping`, or a query that only reads."""
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self._run(b"")

    def do_POST(self) -> None:
        """A statement, whose rows may follow it."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
        else:
            self._run(body)

    def _run(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        form = self.headers.get("Content-Type", "")
        if form.startswith("multipart/form-data"):  # where the parameters would make a URL too long
            asked, body = asked | _read_form(form, body), b""
        statement = asked.get("query", "").encode()
        whole = statement + b"\n" + body if statement else body
        session = Session(self.folder)
        try:
            if asked.get("database"):
                session.query(f"USE `{asked['database']}`")
            changed = [
                f"{name} = '{value}'"
                for name, value in asked.items()
                if name not in _OF_HTTP and not name.startswith("param_")
            ]
            if changed:
                session.query(f"SET {', '.join(changed)}")
            if insert := _INSERT.match(whole):
                _insert(session, insert[1].decode(), insert[2].decode(), whole[insert.end() :])
                self._answer(200, b"")
            else:
                self._answer(200, *_query(session, whole.decode(), asked))
        except RuntimeError as error:
            code = int(found[1]) if (found := _CODE.search(str(error))) else 0
            text = str(error).encode()
            self._answer(_STATUS.get(code, 500), text, [("X-ClickHouse-Exception-Code", str(code))])
        finally:
            session.close()

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in headers or []:
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def _read_form(form: str, body: bytes) -> dict[str, str]:
    whole = BytesParser().parsebytes(b"Content-Type: " + form.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in whole.walk():
        value = part.get_payload(decode=True)
        if isinstance(value, bytes):
            fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
    return fields


def _insert(session: Session, head: str, form: str, rows: bytes) -> None:
    with session.send_insert(head, form) as stream:
        stream.append(rows)
        stream.finish()


def _query(session: Session, statement: str, asked: dict[str, str]) -> tuple[bytes, list[tuple[str, str]]]:
    """The engine gives queries ids of its own, so they are known, and killed, by a comment."""
    if statement.startswith(_KILL):
        statement = "KILL QUERY WHERE startsWith(query, concat('/* ', {id:String}, ' */')) ASYNC"
    elif "query_id" in asked:
        statement = f"/* {asked['query_id']} */ {statement}"
    found = _FORMAT.search(statement)
    form = found[1] if found else "TabSeparated"
    values = {name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")}
    result = session.query(statement[: found.start()] if found else statement, form, params=values)
    return result.bytes(), [("X-ClickHouse-Format", form)]


def main(port: int, folder: str) -> None:
    """Serve until the process is killed."""
    Handler.folder = folder
    first = Session(folder)  # keeps the engine running between requests
    first.query("SELECT 1")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
