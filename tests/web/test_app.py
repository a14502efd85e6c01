"""What is answered at once, what waits for its body or for something else, and the last resort on all ways."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prisme.visit.address import Address
from prisme.web import responses
from prisme.web.app import App
from prisme.web.body import Body
from prisme.web.request import Proxy, Request, Slots
from prisme.web.responses import Response
from prisme.web.routing import NAME, BatchEndpoint, Methods, Outcome
from prisme.web.server import answer_scope
from prisme.web.traffic import Traffic
from tests.web.requests import make_request

PROXY = Proxy("false", "", 1, "")
OK = responses.make_response(200, [], b"fine")


def fails(_: Request) -> Response:
    raise RuntimeError("nobody thought of it")


def answers(_: Request) -> Response:
    return OK


async def waits(_: Request) -> Response:
    await asyncio.sleep(0)
    return OK


async def wait() -> Response:
    await asyncio.sleep(0)
    return OK


def wait_all(requests: list[Request]) -> list[Outcome]:
    return [wait() for _ in requests]


def expect_body(request: Request) -> Slots:
    request.body = Body(b"")
    return []


def echo_bodies(requests: list[Request]) -> list[Outcome]:
    bodies = [request.body for request in requests if request.body is not None]
    assert len(bodies) == len(requests)
    return [
        responses.make_response(body.refused.status if body.refused else 200, [], body.whole or b"") for body in bodies
    ]


def answer_all(requests: list[Request]) -> list[Outcome]:
    """Fails where one of them is bad: for all, and then for that one alone."""
    assert all(request.slots == [request.path] and request.headers == () for request in requests)
    if any(request.query == b"bad" for request in requests):
        raise RuntimeError("nobody thought of it")
    return [KeyError("nobody") if request.query == b"defect" else OK for request in requests]


def batch(work: Callable[[list[Request]], list[Outcome]]) -> BatchEndpoint:
    """One that needs no body."""
    return BatchEndpoint(lambda request: [request.path], work)


@pytest.fixture
def app() -> App:
    traffic = Traffic(None, lambda address: address.text)
    routes: dict[str, Methods] = {
        "/now": {"GET": batch(answer_all), "POST": waits, "PUT": answers},
        "/soon": {"GET": batch(wait_all)},
        "/named/" + NAME: {"GET": batch(answer_all)},
        "/bad": {"POST": fails},
        "/body": {"POST": BatchEndpoint(expect_body, echo_bodies)},
    }
    return App(routes, PROXY, traffic, time.monotonic_ns, logging.getLogger("prisme"))


def request(method: str, target: str) -> Request:
    one = make_request(PROXY, [], "203.0.113.7", method=method, target=target)
    one.address = Address("203.0.113.7", 1, 4)
    return one


def answer(app: App, one: Request) -> tuple[str, int, bytes]:
    """As the server does it: at once, or later in a task; gives which, the status and the body."""
    app.read(one)

    async def play() -> tuple[str, Response]:
        (response,) = app.answer([one])
        return ("at once", response) if isinstance(response, tuple) else ("later", await response)

    way, (start, body) = asyncio.run(play())
    return way, start["status"], body["body"]


def by_asgi(app: App, method: str, target: str) -> list[dict[str, Any]]:
    """What is sent to a request that any ASGI server hands over, whose client hangs up."""
    sent: list[dict[str, Any]] = []
    path, _, query = target.partition("?")
    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [],
        "client": ("203.0.113.7", "1"),
        "scheme": "http",
    }

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    asyncio.run(answer_scope(app, scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("method", "path", "way", "status"),
    [
        ("GET", "/now", "at once", 200),
        ("PUT", "/now", "at once", 200),
        ("POST", "/now", "later", 200),
        ("GET", "/soon", "later", 200),
        ("GET", "/named/one", "at once", 200),
        ("GET", "/named/", "at once", 404),
        ("GET", "/nowhere", "at once", 404),
        ("DELETE", "/now", "at once", 405),
        ("GET", "/now?bad", "at once", 500),
        ("POST", "/bad", "at once", 500),
    ],
)
def test_way_of_a_request(
    app: App, caplog: pytest.LogCaptureFixture, method: str, path: str, way: str, status: int
) -> None:
    said = answer(app, request(method, path))
    assert said[:2] == (way, status)
    assert (said[2] == b"fine") == (status == 200)
    assert ("nobody thought of it" in caplog.text) == (status == 500)
    assert b"nobody" not in said[2]


def test_a_plain_asgi_server_will_do(app: App) -> None:
    assert [by_asgi(app, "GET", path)[0]["status"] for path in ("/now", "/soon")] == [200, 200]


def test_many_are_answered_in_their_order(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Of several routes and methods; none suffers where another one fails."""
    targets = ["/now", "/named/a", "/now?bad", "/bad", "/nowhere", "/now?defect", "/soon", "/named/b", "/now"]
    sent = [request("GET", target) for target in targets]
    for one in sent:
        app.read(one)

    async def play() -> list[tuple[bool, Response]]:
        answers: list[Response | Awaitable[Response]] = [*app.answer(sent)]
        return [(True, one) if isinstance(one, tuple) else (False, await one) for one in answers]

    answers = asyncio.run(play())
    assert [start["status"] for _, (start, _) in answers] == [200, 200, 500, 405, 404, 500, 200, 200, 200]
    assert [at_once for at_once, _ in answers] == [True] * 6 + [False] + [True] * 2
    assert caplog.text.count("request failed") == 2
    assert [one.name for one in sent if one.path.startswith(b"/named")] == ["a", "b"]


def test_bodies_come_first(app: App) -> None:
    """One that is whole, and one that is refused, are answered together."""
    sent = [request("POST", "/body"), request("POST", "/body")]
    for number, one in enumerate(sent):
        app.read(one)
        body = one.body
        assert isinstance(body, Body)
        body.take({"type": "http.request", "body": b"x" * 65_535 + b"y" * number, "more_body": True})
        assert not body.has_ended()
        body.take({"type": "http.request", "body": b"z", "more_body": False})
        assert body.has_ended()
    answers = app.answer(sent)
    assert [one[0]["status"] for one in answers if isinstance(one, tuple)] == [200, 413]
    assert by_asgi(app, "POST", "/body")[0]["status"] == 400  # the client is gone
