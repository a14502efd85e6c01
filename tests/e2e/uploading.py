"""What the tests of the page of imports share: uploads, its forms, and what it shows."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from tests.server import LiveServer, wait_until

PAGE = "/settings/imports"
UPLOAD = f"{PAGE}/upload"


def upload(client: httpx.Client, *files: tuple[str, Any], **fields: str) -> httpx.Response:
    """Upload files by their names: bytes, or what `import_program` reads."""
    parts = [("files", (name, said if isinstance(said, bytes) else json.dumps(said).encode())) for name, said in files]
    return client.post(UPLOAD, files=parts, data={"format": "auto", "site": "", "zone": "", **fields})


def do(client: httpx.Client, does: str, **fields: str) -> httpx.Response:
    """Send a form of the page."""
    return client.post(PAGE, data={"do": does, **fields})


def shown(client: httpx.Client) -> str:
    """The page's text."""
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return text_of(answer)


def text_of(answer: httpx.Response) -> str:
    """The text of a page, as one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", answer.text)))


def wait_for(client: httpx.Client, text: str) -> str:
    """The page once it has a text."""
    pages: list[str] = []

    def is_shown() -> bool:
        pages.append(shown(client))
        return text in pages[-1]

    wait_until(is_shown, f"{text!r} on the page")
    return pages[-1]


def leftovers(server: LiveServer) -> list[Path]:
    """What is left of uploads."""
    return list((server.folder / "tmp").glob("upload-*"))
