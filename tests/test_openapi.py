"""docs/openapi.yaml describes the server that runs: its routes, its examples, and whatever schemathesis thinks of."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
import yaml  # type: ignore[import-untyped]  # it comes without types
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from prisme import __version__
from prisme.access.annotations import Annotations
from prisme.access.grants import SCOPES, operator
from prisme.access.shares import Shares
from prisme.access.sites import SiteList
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.store.control import Control
from prisme.web.routing import Methods
from tests.checkout import ROOT
from tests.faults.load import LONG
from tests.server import LiveServer, watch_routes

FILE = ROOT / "docs" / "openapi.yaml"
DESCRIPTION: dict[str, Any] = yaml.safe_load(FILE.read_text())
PATHS: dict[str, dict[str, Any]] = DESCRIPTION["paths"]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OPERATIONS = [(path, method) for path, item in PATHS.items() for method in item]
EXAMPLES = 60 if LONG else 8  # requests that schemathesis makes up for each operation, beside those that it derives

schema = schemathesis.openapi.from_dict(DESCRIPTION)


def described_methods(path: str) -> set[str]:
    """By its operations, and by the file's introduction."""
    methods = {method.upper() for method in PATHS[path]}
    return methods | {"HEAD"} if "GET" in methods else methods


def resolve(part: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` stands for."""
    while "$ref" in part:
        target: Any = DESCRIPTION
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def test_all_operations_without_events_have_a_limit() -> None:
    for path, method in OPERATIONS:
        operation = PATHS[path][method]
        if method != "options" and not {"events", "noscript", "server"} & {*operation["tags"]}:
            assert "429" in operation["responses"], (method, path)


@pytest.fixture(scope="module")
def routes() -> Iterator[dict[str, Methods]]:
    """The routes that `prisme serve` was built with; filled when `server` starts."""
    with watch_routes() as routes:
        yield routes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, routes: dict[str, Methods]) -> Iterator[LiveServer]:
    """A server for `example.com`. A segment for each event or two would be more than a busy machine loads in time."""
    with LiveServer(tmp_path_factory.mktemp("openapi"), eventstore_max_batch_timeout="500ms") as started:
        yield started


def test_routes_are_described(server: LiveServer, routes: dict[str, Methods]) -> None:
    assert {pattern.replace(":name", "{name}") for pattern in routes} == set(PATHS)
    assert server.http.get("/nowhere").status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_methods_are_described(server: LiveServer, path: str) -> None:
    for method in METHODS:
        answer = server.http.request(method, path.replace("{name}", "x"))
        assert (answer.status_code == 405) == (method not in described_methods(path)), method
        if answer.status_code == 405:
            assert set(answer.headers["allow"].split(", ")) == described_methods(path)


def test_version_and_statuses_are_prismes() -> None:
    assert DESCRIPTION["info"]["version"] == __version__
    told = {int(status) for path, method in OPERATIONS for status in PATHS[path][method]["responses"]}
    refusals = {one.status for one in vars(refusal).values() if isinstance(one, Refusal)}
    # A wrong method is no operation's; an internal error is nobody's intention; a client that has gone sees nothing.
    assert told - {200, 201, 202, 204, 302, 303, 304} == refusals - {405, 499, 500}


def example(path: str, method: str) -> httpx.Request:
    """The request that the examples of an operation make."""
    operation = PATHS[path][method]
    given: dict[str, dict[str, str]] = {"header": {}, "query": {}, "path": {}}
    for parameter in map(resolve, operation.get("parameters", ())):
        if "example" in parameter:
            given[parameter["in"]][parameter["name"]] = parameter["example"]
    (kind, media), *_ = operation.get("requestBody", {}).get("content", {"": {}}).items()
    return httpx.Request(
        method.upper(),
        f"http://prisme{path.format(**given['path'])}",
        params=given["query"],
        headers=given["header"] | ({"Content-Type": kind} if kind == "text/plain" else {}),
        json=media["example"] if kind == "application/json" else None,
        content=media["example"] if kind == "text/plain" else None,
    )


def test_examples_are_accepted_and_stored(server: LiveServer) -> None:
    # Both are the first of their kind; the examples remove the second, which they have made.
    token = server.make_token(scopes=SCOPES)
    control = Control(server.folder)
    Shares(control).add(operator("test"), "example.com", 0)
    Annotations(control, SiteList(control, ("example.com",), ())).add(operator("test"), "example.com", "First", 0)
    for path, method in OPERATIONS:
        request = example(path, method)
        request.headers.update(token if path.startswith(("/api/v1/", "/mcp")) else {})
        request.url = request.url.copy_with(host="127.0.0.1", port=server.port)
        request.headers["Host"] = f"127.0.0.1:{server.port}"
        answer = server.http.send(request)
        described = list(PATHS[path][method]["responses"])
        # What pages answer depends on who is asking.
        expected = described if "pages" in PATHS[path][method]["tags"] else described[:1]
        assert str(answer.status_code) in expected, (path, method, answer.headers)
    named = {"domain": "example.com"}
    counts = {"pageviews": 2, "events_custom": 2, "file_downloads": 1, "outbound_link_clicks": 2}
    for table, count in counts.items():
        assert server.rows(f"SELECT count(*) FROM {table} WHERE domain = $domain", named) == [(count,)], table


made_up = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def send(case: schemathesis.Case[Any], server: LiveServer, *more: schemathesis.CheckFunction) -> None:
    case.call_and_validate(base_url=server.url, allow_redirects=False, checks=[*CHECKS, *more])


@pytest.fixture
def admin(server: LiveServer) -> dict[str, str]:
    return server.make_token(scopes=SCOPES)


@schema.parametrize()
@made_up
def test_no_answer_is_outside_the_description(case: schemathesis.Case[Any], server: LiveServer) -> None:
    send(case, server, missing_required_header, unsupported_method)


@schema.include(operation_id_regex="^(ask|list|add|change|remove|see)").parametrize()
@made_up
def test_nor_is_one_to_an_admin(case: schemathesis.Case[Any], server: LiveServer, admin: dict[str, str]) -> None:
    case.headers.update(admin)
    send(case, server, unsupported_method)


@schema.include(operation_id_regex="^(send|show|follow)").parametrize()
@made_up
def test_nor_is_one_to_visitors_of_a_known_page(case: schemathesis.Case[Any], server: LiveServer) -> None:
    """Whatever else a request says: it is not refused for its origin or its page."""
    home = example("/api/v1/events/pageviews", "post").headers
    del home["X-Prisme-Document-Referrer"], home["Content-Length"]
    assert server.http.post("/api/v1/events/pageviews", headers=home).status_code == 200
    for name in ("Origin", "X-Prisme-Referrer", "User-Agent"):
        case.headers[name] = home[name]
    if case.method == "GET":
        case.query["referrer"] = home["X-Prisme-Referrer"]
    send(case, server)


def test_description_is_beside_the_page() -> None:
    assert f"({FILE.name})" in (FILE.parent / "http-api.md").read_text()
