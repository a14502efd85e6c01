"""JSON schemas of the arguments and answers of tools, from the tables of query parameters and the API's structs."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from prisme.base.timexpr import INTERVALS
from prisme.stats import filters
from prisme.stats.list_metrics import LIST_METRICS
from prisme.stats.parameters import FROM, MOST_ROWS, TO, ZONE
from prisme.web.api.mcp_answers import TIMES

Schema = dict[str, Any]

FILTERS: Final = "filters"
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_TIME: Final = (
    "a date (2026-11-24), a month (2026-11), a year, an RFC 3339 time, or an expression: now, followed by steps (-7d, "
    "+1h) and roundings (/d); the units are s, m, h, d, w (from Monday), M, Q, y"
)
_FILTER_NOTE: Final = (
    "Only sessions that match all of these count. Each value is a list with commas: !x excludes x, * matches any "
    'characters, \\ escapes the next one. Such as {"domain": "example.com", "path": "/blog/*,!/blog/draft-*", '
    '"country": "DE,AT"}. prop.NAME filters by a property of custom events, such as {"prop.plan": "pro"}.'
)
_FILTER: Final[dict[str, str]] = {
    "domain": "the host of a site, such as example.com",
    "country": "ISO 3166-1 codes, such as DE; XX where it is unknown",
    "region": "names with the code of their country, such as Bavaria (DE)",
    "city": "names with the code of their country, such as Munich (DE)",
    "channel": "such as Organic search",
    "device-type": "desktop, mobile, tablet, tv, console or other",
    "status": "the HTTP status of a page",
    "imported": "names of imports, such as plausible-1; no stands for what Prisme saw itself",
    "goal": "names of goals: sessions that reached one",
}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


# Of the query parameters of figures, those that arguments of tools are.
PARAMETERS: Final[dict[str, Schema]] = {
    "from": _text(f"The start of the period: {_TIME}.", default=FROM),
    "to": _text("The end of the period, written as the start; a whole day, month or year is included.", default=TO),
    "tz": _text("The IANA time zone of days, weeks and months, such as Europe/Berlin.", default=ZONE),
    "interval": _text("The time between two values; by default it depends on the period.", enum=[*INTERVALS]),
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 10, "description": "How many rows."},
    "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "How many rows to skip."},
    "metric": _text("What the rows are sorted by and valued with; not each list has each.", enum=[*LIST_METRICS]),
    "property": _text("Only for custom-properties: the property whose values are listed."),
    "compare": _text(
        "What to compare with: previous (as many days or months before), year (52 weeks before), none, or a step "
        "back such as -1M.",
        default="previous",
    ),
    "compare-from": _text("The start of the period to compare with, in place of compare."),
    "compare-to": _text("The end of the period to compare with; comes with compare-from."),
    FILTERS: {
        "type": "object",
        "description": _FILTER_NOTE,
        "properties": {name: _text(_FILTER.get(name, name)) for name in filters.NAMES},
        "additionalProperties": {"type": "string"},
    },
}


def make_input(properties: dict[str, Schema], required: Iterable[str]) -> Schema:
    """The schema of a tool's arguments."""
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def make_output(answer: type[msgspec.Struct]) -> Schema:
    """The schema of a struct in an answer, without references, and with moments as texts."""
    (schema,), parts = msgspec.json.schema_components([answer], ref_template="{name}")
    inlined: Schema = _inline(schema, parts)
    return inlined


def _inline(schema: Any, parts: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, parts) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(parts[schema["$ref"]], parts)
    whole = {key: _inline(part, parts) for key, part in schema.items() if key != "title"}
    properties = whole.get("properties", {})
    for name in TIMES & properties.keys():
        properties[name] = _MOMENT
    if "keys" in properties:
        properties["keys"] = {"type": "array", "items": _MOMENT}
    return whole
