"""The tool `query` of the Model Context Protocol: SQL, for tokens that may ask in SQL."""

from collections.abc import Mapping
from typing import Any, Final

from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.store.comments import COMMENTS
from prisme.store.errors import SqlError, UnavailableError
from prisme.store.sql_formats import JsonEncoder
from prisme.store.sql_runner import Limits
from prisme.web.api.mcp_tools import MOST_BYTES
from prisme.web.parsed_request import ParsedRequest
from prisme.web.query_deps import QueryDeps

NAME: Final = "query"
MOST_ROWS: Final = 1000
_COLUMN: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
    "required": ["name", "type"],
}
DESCRIPTION: Final[dict[str, Any]] = {
    "name": NAME,
    "title": "Query with SQL",
    "description": "One SELECT in DuckDB's SQL on the tables of events, for what no other tool answers. Times are in "
    f"UTC. At most {MOST_ROWS} rows: aggregate in the query. The tables: "
    + "; ".join(
        f"{table} ({', '.join(name for name in columns if name != 'table')})" for table, columns in COMMENTS.items()
    ),
    "inputSchema": {
        "type": "object",
        "properties": {"sql": {"type": "string", "description": "such as SELECT count(*) FROM sessions"}},
        "required": ["sql"],
        "additionalProperties": False,
    },
    "outputSchema": {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": _COLUMN},
            "rows": {"type": "array", "items": {"type": "array"}},
            "truncated": {"type": "boolean"},
        },
        "required": ["columns", "rows", "truncated"],
    },
    "annotations": {
        "title": "Query with SQL",
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    },
}


def ask(deps: QueryDeps, parsed: ParsedRequest, arguments: Mapping[str, Any]) -> bytes | Refusal:
    """The result as JSON, in a thread of the pool for SQL."""
    try:
        sql = _read(arguments)
        encoder = JsonEncoder()
        limits = Limits(deps.source.options.deadline, MOST_ROWS, MOST_BYTES, parsed.began)
        deps.runner.encode(sql, limits, encoder, parsed.cancellation)
    except InputError as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))
    except (SqlError, UnavailableError) as error:
        return deps.source.refuse(error)
    return bytes(encoder.body)


def _read(arguments: Mapping[str, Any]) -> str:
    sql = arguments.get("sql")
    if not isinstance(sql, str) or len(arguments) > 1:
        raise InputError('the argument is sql, a text, such as {"sql": "SELECT count(*) FROM sessions"}')
    return sql
