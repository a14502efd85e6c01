"""What is answered at once and together, what gets a task of its own, and the last resort on both ways."""

import asyncio
import logging
import time
from typing import Any

import pytest

from prisme.visit.address import Address
from prisme.web import response
from prisme.web.app import NAME, App, Methods
from prisme.web.events import AtOnce, Outcome, Together
from prisme.web.request import Proxy, Receive, Scope
from prisme.web.response import Answer
from prisme.web.traffic import Traffic

OK = response.answer(200, [], b"fine")


def fails(_: Scope, __: Receive) -> Answer:
    raise RuntimeError("nobody thought of it")


def answers(_: Scope, __: Receive) -> Answer:
    return OK


async def waits(_: Scope, __: Receive) -> Answer:
    await asyncio.sleep(0)
    return OK


def answer_all(scopes: list[Scope]) -> list[Outcome | Exception]:
    """Fails where one of them is bad: for all, and then for that one alone."""
    assert all(scope["slots"] == [b"/all"] and scope["headers"] == () for scope in scopes)
    if any(scope["query_string"] == b"bad" for scope in scopes):
        raise RuntimeError("nobody thought of it")
    return [KeyError("nobody") if scope["query_string"] == b"defect" else OK for scope in scopes]


@pytest.fixture
def app() -> App:
    proxy = Proxy(False, "", 1, "")
    traffic = Traffic(None, lambda address: address.text, proxy)
    routes: dict[str, Methods] = {
        "/now": {"GET": AtOnce(answers), "POST": waits},
        "/soon": {"GET": AtOnce(waits)},
        "/named/" + NAME: {"GET": AtOnce(answers)},
        "/bad": {"GET": AtOnce(fails), "POST": fails},
        "/all": {"GET": Together(lambda scope: [scope["raw_path"]], answer_all)},
    }
    return App(routes, proxy, traffic, time.monotonic_ns, logging.getLogger("prisme"))


def scope(method: str, path: str, query: bytes = b"") -> Scope:
    address = Address("203.0.113.7", 1, 4)
    return {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [],
        "client": ("203.0.113.7", "1"),
        "address": address,
    }


def ask(app: App, asked: Scope) -> tuple[str, int, bytes]:
    """As the server does it: at once, else by the event loop; gives which, the status and the body."""
    app.read(asked)
    (answer,) = app.answer([asked])
    if answer is not None:
        return "at once", answer[0]["status"], answer[1]["body"]
    (start, body) = by_the_loop(app, asked)
    return "by the loop", start["status"], body["body"]


def by_the_loop(app: App, asked: Scope) -> list[dict[str, Any]]:
    """What is sent to a request that an ASGI server hands over."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def play() -> None:
        await app.asgi(asked, receive, send)

    asyncio.run(play())
    assert app.active == 0
    return sent


@pytest.mark.parametrize(
    ("method", "path", "way", "status"),
    [
        ("GET", "/now", "at once", 200),
        ("POST", "/now", "by the loop", 200),
        ("GET", "/soon", "by the loop", 200),
        ("GET", "/named/one", "at once", 200),
        ("GET", "/named/", "by the loop", 404),
        ("GET", "/nowhere", "by the loop", 404),
        ("DELETE", "/now", "by the loop", 405),
        ("GET", "/bad", "at once", 500),
        ("POST", "/bad", "by the loop", 500),
    ],
)
def test_way_of_a_request(
    app: App, caplog: pytest.LogCaptureFixture, method: str, path: str, way: str, status: int
) -> None:
    said = ask(app, scope(method, path))
    assert said[:2] == (way, status)
    assert (said[2] == b"fine") == (status == 200)
    assert ("nobody thought of it" in caplog.text) == (status == 500)
    assert b"nobody" not in said[2]


def test_a_plain_asgi_server_will_do(app: App) -> None:
    assert [by_the_loop(app, scope("GET", path))[0]["status"] for path in ("/now", "/soon")] == [200, 200]


def test_many_are_answered_in_their_order(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Of several routes and methods; none suffers where another one fails."""
    asked = [
        scope("GET", "/all"),
        scope("GET", "/now"),
        scope("GET", "/all", b"bad"),
        scope("POST", "/now"),
        scope("GET", "/bad"),
        scope("GET", "/nowhere"),
        scope("GET", "/all", b"defect"),
        scope("GET", "/named/a"),
        scope("GET", "/named/b"),
        scope("GET", "/all"),
    ]
    for one in asked:
        app.read(one)
    answers = app.answer(asked)
    assert [answer and answer[0]["status"] for answer in answers] == [
        200,
        200,
        500,
        None,
        500,
        None,
        500,
        200,
        200,
        200,
    ]
    assert caplog.text.count("request failed") == 3
    assert [one.get("name") for one in asked[-3:]] == ["a", "b", None]
