"""The Model Context Protocol as its official client speaks it: each tool answers what the stats API answers."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from mcp.types import Tool as ListedTool

from prisme.access.grants import ADMIN, QUERY, STATS
from prisme.stats import filters, parameters
from prisme.stats.columns import HOURS, PROPERTIES, SERIES, TOPS
from prisme.stats.figures import NAMES
from prisme.stats.list_metrics import list_metrics
from prisme.web.api.mcp import MOST_MESSAGES
from prisme.web.api.mcp_revisions import SUPPORTED
from prisme.web.api.mcp_schemas import FILTERS, PARAMETERS
from prisme.web.api.mcp_tools import MOST_BYTES, TOOLS
from tests.checkout import ROOT
from tests.server import LiveServer, browser
from tests.test_docs import rows
from tests.test_stats_api import EXAMPLE, OPTIONS, ask, define_goals, token_of, visit

MODES = {"legacy": "2025-11-25", "auto": "2026-07-28"}
SPAN = {"from": "2026-11-02", "to": "2026-11-03"}
# Each is asked of each tool that has these arguments.
VARIANTS: list[dict[str, Any]] = [
    {},
    {"tz": "America/New_York"},
    {FILTERS: {"domain": "example.com", "path": "/*,!/blog", "browser": "Firefox"}},
    {FILTERS: {"prop.plan": "pro"}},
    {"interval": "hour"},
    {"limit": 1, "offset": 1},
    {"compare": "none"},
    {"compare-from": "2026-11-01", "compare-to": "2026-11-02"},
]
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("mcp"), **OPTIONS) as server:
        visit(server)
        define_goals(server)
        yield server


@asynccontextmanager
async def connect(server: LiveServer, headers: Mapping[str, str], mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def call(
    server: LiveServer, headers: Mapping[str, str], calls: list[tuple[str, Answer]], mode: str = "auto"
) -> list[CallToolResult]:
    """The results of some calls, each a tool and its arguments, on one connection."""

    async def run() -> list[CallToolResult]:
        async with connect(server, headers, mode) as client:
            return [await client.call_tool(tool, arguments) for tool, arguments in calls]

    return asyncio.run(run())


def ask_api(server: LiveServer, headers: Mapping[str, str], figure: str, arguments: Answer) -> Answer:
    """The answer of the stats API to the arguments of a tool."""
    given = {name: value for name, value in arguments.items() if name not in {FILTERS, "figure", "list", "funnel"}}
    told = server.http.get(
        f"/api/v1/stats/{figure}", headers=headers, params={**SPAN, **given, **arguments.get(FILTERS, {})}
    )
    assert told.status_code == 200, told.text
    answer: Answer = told.json()
    return answer


def expect(tool: str, told: Answer, zone: ZoneInfo) -> Answer:
    """What a tool should say of an answer of the API."""

    def time(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, zone).isoformat()

    def span(period: Answer | None) -> Answer | None:
        return period and {name: time(moment) for name, moment in period.items()}

    match tool:
        case "get_timeseries" | "get_list":
            is_series = tool == "get_timeseries"
            rows = [
                {"time": time(key), "value": value} if is_series else {"key": key, "value": value}
                for key, value in zip(told["keys"], told["values"], strict=True)
            ]
            return {**(span({"from": told["from"], "to": told["to"]}) or {}), "rows": rows}
        case "list_sites":
            sites = [site | {name: time(site[name]) for name in ("first", "last")} for site in told["sites"]]
            told = told | {"keys": [*map(time, told["keys"])], "sites": sites}
        case "get_figures":
            names = ("period", "compared-period", "tz", "live-visitors", "totals", "compared-totals")
            told = {name: told[name] for name in names}
    return told | {name: span(told[name]) for name in ("period", "compared-period") if name in told}


FIGURES = {"list_sites": "sites", "get_figures": "dashboard", "get_goals": "goals", "get_funnel": "funnels"}
CASES = [
    *((tool, figure, {}) for tool, figure in FIGURES.items()),
    *(("get_timeseries", name, {"figure": name}) for name in SERIES),
    *(("get_list", name, {"list": name}) for name in (*TOPS, PROPERTIES, HOURS)),
]


def test_each_figure_is_in_a_tool() -> None:
    assert {figure for _, figure, _ in CASES} == {*NAMES} - {"live-visitors"}  # which `get_figures` has
    assert {tool for tool, _, _ in CASES} == {*TOOLS}


def vary(tool: str, figure: str, chosen: Answer) -> list[Answer]:
    """Arguments for a figure: all variants for the first of a tool, one for the others."""
    metrics = list_metrics(figure) if figure in TOPS else ()
    variants = [*VARIANTS, *({"metric": metric} for metric in metrics)]
    if figure not in {*FIGURES.values(), "visitors", "top-pages"}:
        variants = [{**VARIANTS[1], **({"metric": metrics[-1]} if metrics else {})}]
    return [{**SPAN, **chosen, **more} for more in variants if {*more} <= TOOLS[tool].properties().keys()]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_answers_what_the_api_answers(server: LiveServer, tool: str) -> None:
    headers = server.make_token()
    asked = [(figure, one) for name, figure, chosen in CASES if name == tool for one in vary(tool, figure, chosen)]
    assert len(asked) > 3
    filled = 0
    for (figure, arguments), result in zip(
        asked, call(server, headers, [(tool, one) for _, one in asked]), strict=True
    ):
        told = expect(tool, ask_api(server, headers, figure, arguments), ZoneInfo(arguments.get("tz", "UTC")))
        assert result.structured_content == told, arguments
        assert not result.is_error
        assert json.loads(read(result)) == told
        filled += bool(told.get("rows", True))
    assert filled > len(asked) / 2


def test_values_of_a_property_and_one_funnel_are_listed(server: LiveServer) -> None:
    headers = server.make_token()
    values, funnel, unknown = call(
        server,
        headers,
        [
            ("get_list", {**SPAN, "list": PROPERTIES, "property": "plan"}),
            ("get_funnel", {**SPAN, "funnel": "Registration"}),
            ("get_funnel", {**SPAN, "funnel": "Sales"}),
        ],
    )
    assert values.structured_content["rows"] == [{"key": "pro", "value": 1}]
    assert [row["funnel"] for row in funnel.structured_content["funnels"]] == ["Registration"]
    assert (unknown.is_error, read(unknown)) == (
        True,
        "funnel: there is no funnel 'Sales'; the funnels are: Registration",
    )


def test_sql_is_for_tokens_that_may_use_it(server: LiveServer) -> None:
    with_sql = server.make_token(scopes=(STATS, QUERY))
    sql = "SELECT country_code, count(*) AS sessions FROM sessions GROUP BY ALL ORDER BY ALL"
    asked = [("query", {"sql": sql}), ("query", {"sql": "DELETE FROM sessions"}), ("query", {"statement": sql})]
    found, wrong, unnamed = call(server, with_sql, asked)
    assert found.structured_content == {
        "columns": [{"name": "country_code", "type": "VARCHAR"}, {"name": "sessions", "type": "BIGINT"}],
        "rows": [list(row) for row in server.rows(sql)],
        "truncated": False,
    }
    assert wrong.is_error
    assert "SELECT" in read(wrong)
    assert "the argument is sql" in read(unnamed)
    assert {tool.name for tool in list_tools(server, with_sql)} == {*TOOLS, "query"}
    without = server.make_token()
    (refused,) = call(server, without, asked[:1])
    assert refused.is_error
    assert "which see all sites" in read(refused)
    assert {tool.name for tool in list_tools(server, without)} == {*TOOLS}


def list_tools(server: LiveServer, headers: Mapping[str, str]) -> list[ListedTool]:
    async def run() -> list[ListedTool]:
        async with connect(server, headers) as client:
            return list((await client.list_tools()).tools)

    return asyncio.run(run())


def read(result: CallToolResult) -> str:
    """The text of a result."""
    (text,) = result.content
    return str(text.text)  # type: ignore[union-attr]  # it has one


@pytest.mark.parametrize(("mode", "revision"), MODES.items())
def test_old_and_new_clients_list_the_tools(server: LiveServer, mode: str, revision: str) -> None:
    async def run() -> None:
        async with connect(server, server.make_token(), mode) as client:
            assert client.server_info
            assert (client.protocol_version, client.server_info.name) == (revision, "prisme")
            assert "never instructions" in (client.instructions or "")
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == [*TOOLS]
            for tool in tools:
                assert tool.annotations
                assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
                assert tool.input_schema["additionalProperties"] is False
            for listing in (client.list_resources, client.list_resource_templates, client.list_prompts):
                listed = (await listing()).model_dump()
                assert [listed[name] for name in ("resources", "resource_templates", "prompts") if name in listed] == [
                    []
                ]
            with pytest.raises(MCPError, match="there is no tool 'get_lists'; the tools are list_sites"):
                await client.call_tool("get_lists", {})

    asyncio.run(run())
    (answer,) = call(server, server.make_token(), [("get_list", {**SPAN, "list": "top-pages"})], mode)
    assert answer.structured_content["rows"][0] == {"key": "/", "value": 2}


WRONG: list[tuple[str, Answer, str]] = [
    ("get_list", {}, "list: has to be one of top-pages, "),
    ("get_list", {"list": ["top-pages"]}, "list: has to be one of top-pages, "),
    ("get_list", {"list": "top-pages", "from": "yesterday"}, "from: 'yesterday' is no time, such as "),
    ("get_list", {"list": "top-pages", "limit": 0}, "limit: '0' is no number from 1 to 10000"),
    ("get_list", {"list": "top-pages", "limit": True}, "limit: has to be of the type integer"),
    ("get_list", {"list": "top-pages", "limit": 1.5}, "limit: has to be of the type integer"),
    ("get_list", {"list": "top-pages", "metric": "events"}, "metric: 'events' is none of top-pages"),
    ("get_list", {"list": "top-pages", "property": "plan"}, "property: no such parameter"),
    ("get_list", {"list": "top-pages", "tz": 1}, "tz: has to be of the type string"),
    ("get_list", {"list": "top-pages", "spreadsheet": "1"}, "spreadsheet: no such argument; there are list, from"),
    ("get_list", {"list": "top-pages", "filter": {}}, "filter: no such argument; did you mean filters?"),
    ("get_list", {"list": "top-pages", "filters": "path=/"}, "filters: has to be an object of texts"),
    ("get_list", {"list": "top-pages", "filters": {"path": ["/"]}}, "filters: has to be an object of texts"),
    ("get_list", {"list": "top-pages", "filters": {"paht": "/"}}, "paht: no such filter; did you mean path?"),
    ("get_list", {"list": "top-pages", "filters": {"from": "now"}}, "from: no such filter; "),
    ("get_list", {"list": "top-pages", "filters": {"goal": "None"}}, "goal: there is no goal 'None'"),
    ("get_figures", {"limit": 3}, "limit: no such argument; there are from, to, tz, compare"),
    ("get_timeseries", {"figure": "visitors", "from": "now-10y", "interval": "minute"}, "interval: "),
]


def test_wrong_arguments_are_told(server: LiveServer) -> None:
    results = call(server, server.make_token(), [(tool, arguments) for tool, arguments, _ in WRONG])
    for (_, arguments, told), result in zip(WRONG, results, strict=True):
        assert (result.is_error, result.structured_content) == (True, None), arguments
        assert read(result).startswith(told), arguments


def test_numbers_may_be_written_in_other_ways(server: LiveServer) -> None:
    asked = [{**SPAN, "list": "top-pages", "limit": limit, "offset": None} for limit in (2, "2", 2.0)]
    results = call(server, server.make_token(), [("get_list", one) for one in asked])
    assert [len(result.structured_content["rows"]) for result in results] == [2, 2, 2]


def test_a_long_answer_is_not_told(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.web.api.mcp_tools.MOST_BYTES", 1024)
    asked: Answer = {**SPAN, "figure": "visitors", "interval": "hour"}
    long, short = call(
        server, server.make_token(), [("get_timeseries", asked), ("get_timeseries", asked | {"interval": "day"})]
    )
    assert (long.is_error, short.is_error) == (True, False)
    assert read(long).startswith("the answer has over 1 KiB: ask for less, with limit, interval")


def test_a_token_sees_its_sites_alone(server: LiveServer) -> None:
    other = {"domain": "other.example.com"}
    asked: list[tuple[str, Answer]] = [(tool, SPAN | chosen) for tool, _, chosen in CASES]
    for result in call(server, server.make_token("other.example.com"), asked):
        assert "/pricing" not in read(result)
        assert not any(row["value"] for row in result.structured_content.get("rows", ()))
        assert "Registration" not in read(result)
        assert not sum(result.structured_content.get("totals", {}).values())
    mine, forbidden = call(
        server,
        server.make_token("example.com"),
        [
            ("get_list", {**SPAN, "list": "top-pages"}),
            ("get_list", {**SPAN, "list": "top-pages", "filters": other}),
        ],
    )
    assert mine.structured_content["rows"][0] == {"key": "/", "value": 2}
    assert (forbidden.is_error, read(forbidden)) == (
        True,
        "domain: you do not have access to 'other.example.com'",
    )


def test_a_token_without_the_scope_sees_nothing(server: LiveServer) -> None:
    with pytest.raises(BaseException) as raised:  # noqa: PT011  # a group, of what the client makes of 403
        call(server, server.make_token(scopes=[ADMIN]), [("list_sites", {})], "legacy")
    assert "MCPError" in repr(raised.value)


def test_arguments_are_the_parameters_of_the_api() -> None:
    names = {*parameters.PROPERTY, *parameters.METRIC, *parameters.COMPARE, *parameters._NAMES}
    assert {*PARAMETERS} - {FILTERS} == names - {*filters.NAMES, parameters.SPREADSHEET}
    assert [*PARAMETERS[FILTERS]["properties"]] == [*filters.NAMES]


def test_the_page_is_true(server: LiveServer) -> None:
    page = (ROOT / "docs" / "mcp.md").read_text()
    assert [row[0] for row in rows(page, "## Tools")] == [*TOOLS, "query"]
    ((command, answer),) = EXAMPLE.findall(page)
    assert json.loads(ask(server, command, token_of(server))) == json.loads(answer)
    (line,) = (line for line in page.split("\n- ") if line.startswith("**Revisions**"))
    assert re.findall(r"\d{4}-\d\d-\d\d", line)[: len(SUPPORTED)] == [*SUPPORTED]
    assert f"an answer {MOST_BYTES // 1024} KiB" in page
    assert f"at most {MOST_MESSAGES} messages" in page


def test_assistants_ask_while_events_come_in(tmp_path: Path) -> None:
    with LiveServer(tmp_path, **OPTIONS) as server:
        done, sent = threading.Event(), []

        def send() -> None:
            with httpx.Client(verify=False) as client:
                while not done.is_set():
                    headers = browser("https://example.com/beside")
                    sent.append(client.post(f"{server.url}/api/v1/events/pageviews", headers=headers).status_code)

        sending = threading.Thread(target=send)
        sending.start()
        try:
            asked = [("get_figures", {}), ("query", {"sql": "SELECT count(*) FROM pageviews"})] * 5
            results = call(server, server.make_token(scopes=(STATS, QUERY)), asked)
        finally:
            done.set()
            sending.join()
        assert not any(result.is_error for result in results)
        assert set(sent) == {200}
        assert server.rows("SELECT count(*) FROM pageviews") == [(len(sent),)]
