"""The page *SQL*: admins ask the tables, and see the result as a table and a chart, or download it."""

from itertools import groupby
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.query_chart import draw_query_chart
from prisme.dashboard.query_examples import EXAMPLES
from prisme.dashboard.words import explain_refusal, mark_count, translate, translate_count
from prisme.stats.frames import write_csv
from prisme.store.errors import SqlError, UnavailableError
from prisme.store.event_store import SqlQueries
from prisme.store.sql_formats import JsonEncoder, as_text
from prisme.store.sql_runner import Limits, Result, TableColumn
from prisme.web.pages.endpoints import PageDeps, PageRequest, form_endpoint, page_endpoint
from prisme.web.pages.templates import see_other
from prisme.web.responses import INERT, Header, Response, make_response
from prisme.web.routing import Methods
from prisme.web.stats_source import StatsSource

SQL: Final = "/sql"
_MOST_SHOWN: Final = 1_000
_MOST_ROWS: Final = 100_000
_SHOWN_BYTES: Final = 1 << 20
_BYTES: Final = 4 << 20
_PARQUET_BYTES: Final = 8 << 20
_ROWS: Final = mark_count("{count} row", "{count} rows")
_LONGEST_URL: Final = 4_000  # of a query in a link back to the form


class SqlDeps(NamedTuple):
    """`page` has the pool of queries in SQL."""

    page: PageDeps
    runner: SqlQueries
    source: StatsSource


def routes(deps: SqlDeps) -> dict[str, Methods]:
    """The page, and its form."""
    return {
        SQL: {
            "GET": page_endpoint(deps.page, lambda request: _show(deps, request), _turn_away),
            "POST": form_endpoint(deps.page, lambda request: _run(deps, request)),
        }
    }


def _turn_away(why: Refusal, request: PageRequest) -> Response | Refusal:
    if why is not refusal.NOT_LOGGED_IN:
        return why
    sql = request.parsed.query.get("sql", "")
    target = f"{SQL}?{urlencode({'sql': sql})}" if sql and len(sql) < _LONGEST_URL else SQL
    return see_other(f"/login?next={quote(target, safe='')}")


def _show(deps: SqlDeps, request: PageRequest) -> Response | Refusal:
    return _render(deps, request, {"sql": request.parsed.query.get("sql", "") or EXAMPLES[0][1]})


def _run(deps: SqlDeps, request: PageRequest) -> Response | Refusal:
    why = _find_reason(request)
    if why is not None:
        return why
    # A browser sends line feeds as in network protocols.
    sql = request.fields.get("sql", "").replace("\r\n", "\n")
    try:
        file = _FILES.get(request.fields.get("as", ""))
        if file is not None:
            return file(deps, request, sql)
        limits = Limits(deps.source.options.deadline, _MOST_SHOWN, _SHOWN_BYTES, request.parsed.began)
        result = deps.runner.fetch(sql, limits, request.parsed.cancellation)
    except (SqlError, UnavailableError) as error:
        why = deps.source.refuse(error)
        headers: list[Header] = [(b"retry-after", b"%d" % why.retry_after)] if why.retry_after else []
        return _render(deps, request, {"sql": sql, "fault": explain_refusal(why)}, why.status, headers)
    return _render(deps, request, {"sql": sql, **_describe(result)})


def _find_reason(request: PageRequest) -> Refusal | None:
    """Why the sender may not ask here, if they are not logged in as an admin: programs use the API."""
    grant = request.grant
    if isinstance(grant, Refusal):
        return grant
    return None if grant.is_login and grant.may_query else refusal.SQL_NOT_ALLOWED


def _render(
    deps: SqlDeps, request: PageRequest, values: dict[str, Any], status: int = 200, headers: list[Header] | None = None
) -> Response | Refusal:
    why = _find_reason(request)
    if why is not None:
        return why
    try:
        columns = deps.runner.columns()
    except UnavailableError as error:
        return deps.source.refuse(error)
    common = {
        "fault": "",
        "formats": ("CSV", "JSON", "Parquet"),
        "result": None,
        "tables": _group(columns),
        "examples": [(translate(title), f"{SQL}?{urlencode({'sql': sql})}") for title, sql in EXAMPLES],
    }
    return deps.page.templates.render("sql", common | values, status, headers)


def _group(columns: list[TableColumn]) -> list[tuple[str, list[TableColumn]]]:
    return [(table, list(of)) for table, of in groupby(columns, lambda column: column.table)]


def _describe(result: Result) -> dict[str, Any]:
    """What the template shows of a result."""
    return {
        "result": result,
        "cells": [[None if value is None else as_text(value) for value in row] for row in result.rows],
        "is_number": [column.is_number for column in result.columns],
        "chart": draw_query_chart(result.columns, result.rows),
        "count": _count(result),
    }


def _count(result: Result) -> str:
    count = f"{len(result.rows):,}"
    if result.is_cut:
        most = f"{_MOST_ROWS:,}"
        return translate("The first {count} rows; a download has up to {most}.", count=count, most=most)
    return translate_count(_ROWS, len(result.rows))


def _send(kind: str, type_: bytes, body: bytes) -> Response:
    file = (b"content-disposition", f'attachment; filename="query.{kind}"'.encode())
    return make_response(200, [(b"content-type", type_), file, (b"cache-control", b"private, no-store"), *INERT], body)


def _send_csv(deps: SqlDeps, request: PageRequest, sql: str) -> Response:
    """For a spreadsheet, as all downloads of the dashboard are."""
    limits = Limits(deps.source.options.deadline, _MOST_ROWS, _BYTES, request.parsed.began)
    result = deps.runner.fetch(sql, limits, request.parsed.cancellation)
    head = tuple(column.name for column in result.columns)
    text = write_csv(head, (tuple(map(_exact, row)) for row in result.rows), True)
    return _send("csv", b"text/csv; charset=utf-8; header=present", text.encode("utf-8", "replace"))


def _exact(value: Any) -> Any:
    return as_text(value) if isinstance(value, bool) else value


def _send_json(deps: SqlDeps, request: PageRequest, sql: str) -> Response:
    encoder = JsonEncoder()
    limits = Limits(deps.source.options.deadline, _MOST_ROWS, _BYTES, request.parsed.began)
    deps.runner.encode(sql, limits, encoder, request.parsed.cancellation)
    return _send("json", b"application/json", bytes(encoder.body))


def _send_parquet(deps: SqlDeps, request: PageRequest, sql: str) -> Response:
    limits = Limits(deps.source.options.deadline, _MOST_ROWS, _PARQUET_BYTES, request.parsed.began)
    with deps.runner.parquet(sql, limits, request.parsed.cancellation) as (path, _):
        return _send("parquet", b"application/vnd.apache.parquet", path.read_bytes())


_FILES: Final = {"csv": _send_csv, "json": _send_json, "parquet": _send_parquet}
