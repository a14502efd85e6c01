"""What is answered together, what waits for its body, what gets a task of its own, and the last resort on all ways."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from prisme.visit.address import Address
from prisme.web import responses as response
from prisme.web.app import NAME, App, Methods
from prisme.web.events.endpoints import Outcome, Together
from prisme.web.request import Body, Proxy, Receive, Scope, Slots
from prisme.web.responses import Answer
from prisme.web.traffic import Traffic

OK = response.answer(200, [], b"fine")


def fails(_: Scope, __: Receive) -> Answer:
    raise RuntimeError("nobody thought of it")


def answers(_: Scope, __: Receive) -> Answer:
    return OK


async def waits(_: Scope, __: Receive) -> Answer:
    await asyncio.sleep(0)
    return OK


async def wait() -> Answer:
    await asyncio.sleep(0)
    return OK


def wait_all(scopes: list[Scope]) -> list[Outcome]:
    return [wait() for _ in scopes]


def expect_body(scope: Scope) -> Slots:
    scope["body"] = Body(b"")
    return []


def echo_bodies(scopes: list[Scope]) -> list[Outcome]:
    bodies: list[Body] = [scope["body"] for scope in scopes]
    return [response.answer(body.refused.status if body.refused else 200, [], body.whole or b"") for body in bodies]


def answer_all(scopes: list[Scope]) -> list[Outcome]:
    """Fails where one of them is bad: for all, and then for that one alone."""
    assert all(scope["slots"] == [scope["raw_path"]] and scope["headers"] == () for scope in scopes)
    if any(scope["query_string"] == b"bad" for scope in scopes):
        raise RuntimeError("nobody thought of it")
    return [KeyError("nobody") if scope["query_string"] == b"defect" else OK for scope in scopes]


def together(work: Callable[[list[Scope]], list[Outcome]]) -> Together:
    """One that needs no body."""
    return Together(lambda scope: [scope["raw_path"]], work)


@pytest.fixture
def app() -> App:
    proxy = Proxy("false", "", 1, "")
    traffic = Traffic(None, lambda address: address.text, proxy)
    routes: dict[str, Methods] = {
        "/now": {"GET": together(answer_all), "POST": waits, "PUT": answers},
        "/soon": {"GET": together(wait_all)},
        "/named/" + NAME: {"GET": together(answer_all)},
        "/bad": {"POST": fails},
        "/body": {"POST": Together(expect_body, echo_bodies)},
    }
    return App(routes, proxy, traffic, time.monotonic_ns, logging.getLogger("prisme"))


def scope(method: str, target: str) -> Scope:
    path, _, query = target.partition("?")
    address = Address("203.0.113.7", 1, 4)
    return {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [],
        "client": ("203.0.113.7", "1"),
        "address": address,
    }


def ask(app: App, asked: Scope) -> tuple[str, int, bytes]:
    """As the server does it: at once, else by the event loop; gives which, the status and the body."""
    app.read(asked)
    (answer,) = app.answer([asked])
    if isinstance(answer, tuple):
        return "together", answer[0]["status"], answer[1]["body"]
    assert answer is None
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
        ("GET", "/now", "together", 200),
        ("PUT", "/now", "by the loop", 200),
        ("POST", "/now", "by the loop", 200),
        ("GET", "/soon", "by the loop", 200),
        ("GET", "/named/one", "together", 200),
        ("GET", "/named/", "by the loop", 404),
        ("GET", "/nowhere", "by the loop", 404),
        ("DELETE", "/now", "by the loop", 405),
        ("GET", "/now?bad", "together", 500),
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
    targets = ["/now", "/named/a", "/now?bad", "/bad", "/nowhere", "/now?defect", "/soon", "/named/b", "/now"]
    asked = [scope("GET", target) for target in targets]
    for one in asked:
        app.read(one)
    answers = app.answer(asked)
    statuses = [one[0]["status"] if isinstance(one, tuple) else one for one in answers]
    assert statuses == [200, 200, 500, None, None, 500, None, 200, 200]
    assert caplog.text.count("request failed") == 2
    assert [one.get("name") for one in asked if one["raw_path"].startswith(b"/named")] == ["a", "b"]
    assert by_the_loop(app, asked[6])[0]["status"] == 200


def test_bodies_come_first(app: App) -> None:
    """One that is whole, and one that is refused, are answered together."""
    asked = [scope("POST", "/body"), scope("POST", "/body")]
    for number, body in enumerate([app.read(one) for one in asked]):
        assert isinstance(body, Body)
        body.take({"type": "http.request", "body": b"x" * 65_535 + b"y" * number, "more_body": True})
        assert not body.has_ended()
        body.take({"type": "http.request", "body": b"z", "more_body": False})
        assert body.has_ended()
    answers = app.answer(asked)
    assert [one[0]["status"] for one in answers if isinstance(one, tuple)] == [200, 413]
    assert by_the_loop(app, scope("POST", "/body"))[0]["status"] == 400  # the client is gone
