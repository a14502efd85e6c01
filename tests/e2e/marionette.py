"""Debian's Firefox, headless, steered by its own protocol: Playwright knows only a Firefox of its own."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.e2e.script import unsteered
from tests.requirements import need
from tests.server import free_port, wait_until

# For Firefox to start, and for each of its answers, on a busy machine.
_SECONDS: Final = 60.0
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # as the WebDriver standard names it
KEYS: Final = {"ArrowDown": "\ue015", "ArrowLeft": "\ue012", "Enter": "\ue007", "Escape": "\ue00c"}


class Firefox:
    """A browser with one page."""

    def __init__(self, port: int) -> None:
        wait_until(lambda: _is_open(port), "Firefox", _SECONDS)
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._numbers = iter(range(1_000_000))
        self._read()  # it says hello
        self._call("NewSession", capabilities={})

    def open(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self._call("Navigate", url=url)

    def run(self, script: str) -> Any:
        """What a script of the page returns."""
        return self._call("ExecuteScript", script=script, args=[])["value"]

    def click(self, selector: str) -> None:
        """Click an element."""
        self._call("ElementClick", id=self._find(selector))

    def type(self, selector: str, text: str) -> None:
        """Type into an element."""
        self._call("ElementSendKeys", id=self._find(selector), text=text)

    def _find(self, selector: str) -> str:
        found = self._call("FindElement", using="css selector", value=selector)["value"]
        return str(found[_ELEMENT])

    def _call(self, command: str, **parameters: Any) -> dict[str, Any]:
        message = json.dumps([0, next(self._numbers), f"WebDriver:{command}", parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, answer = self._read()
        assert error is None, error
        return dict(answer or {})

    def _read(self) -> Any:
        """A message: its length, a colon, JSON."""
        length = b""
        while (byte := self._socket.recv(1)) != b":":
            assert byte, "Firefox has ended"
            length += byte
        text = b""
        while len(text) < int(length):
            text += self._socket.recv(int(length) - len(text))
        return json.loads(text)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A Firefox with an empty profile."""
    port = free_port()
    profile.mkdir(exist_ok=True)
    (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    command = [need("firefox-esr", "firefox-esr"), "--headless", "--marionette", "--profile", str(profile)]
    with unsteered([*command, "--new-instance"]):
        browser = Firefox(port)
        yield browser
        browser.close()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
