"""What the tables can take: of a visit or a figure that they cannot, why, so that no chunk is refused for one of them.

Texts are repaired where that changes nothing that people see. Own exports pass unchanged.
"""

import datetime
import re
from typing import Final

import msgspec
from msgspec.structs import replace

from prisme.base.events import Session
from prisme.base.refusal import Refusal
from prisme.imports.items import CUSTOM, DOWNLOAD, KINDS, OUTBOUND, PAGEVIEW, Figure, Row, Visit
from prisme.ingest.custom import NO_PROPERTIES, read_properties

# The longest that is recorded is 64 KiB of properties.
LONGEST: Final = 65_536  # characters
BAD_TIME: Final = "not valid: a time"
BAD_ID: Final = "not valid: the id of a visit"
BAD_COUNT: Final = "not valid: a number"
BAD_KIND: Final = "not valid: neither a pageview nor an event"
TOO_LONG: Final = "not valid: a text of more than 65,536 characters"
NO_SITE: Final = "not valid: no site"
NO_LINK: Final = "not valid: no link"
NO_OBJECT: Final = "properties that are no JSON object, left out"
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Of UINTEGER and USMALLINT.
_MOST_ROWS: Final = 2**32 - 1
_MOST_STATUS: Final = 2**16 - 1
# JSON's readers keep larger ones as floats.
_MOST_COUNT: Final = 2**53
_EPOCH: Final = datetime.date(1970, 1, 1)


def fault_of_visit(visit: Visit, latest: int) -> str | None:
    """Why a visit cannot be stored; `latest` is the latest time that it may have, in microseconds."""
    session = visit.session
    if not 0 <= session.entry <= session.exit <= latest:
        return BAD_TIME
    if not _UUID.fullmatch(session.uuid):
        return BAD_ID
    if not (0 <= session.pageviews <= _MOST_ROWS and 0 <= session.events <= _MOST_ROWS):
        return BAD_COUNT
    if not 0 <= session.status <= _MOST_STATUS:
        return BAD_COUNT
    if not session.domain:
        return NO_SITE
    if max(map(len, _texts(session))) > LONGEST:
        return TOO_LONG
    return next(filter(None, (fault_of_row(row, latest) for row in visit.rows)), None)


def fault_of_row(row: Row, latest: int) -> str | None:
    """Why a row of a visit cannot be stored."""
    if row.kind not in KINDS:
        return BAD_KIND
    if not 0 <= row.at <= latest:
        return BAD_TIME
    if not 0 <= row.status <= _MOST_STATUS:
        return BAD_COUNT
    if row.kind in (DOWNLOAD, OUTBOUND) and not row.url:
        return NO_LINK
    if max(len(row.path), len(row.name), len(row.url), len(row.visitor)) > LONGEST:
        return TOO_LONG
    return None


def fault_of_figure(figure: Figure, latest: datetime.date) -> str | None:
    """Why a figure cannot be stored; `latest` is the latest day that it may have."""
    counts = figure.visitors, figure.sessions, figure.pageviews, figure.events, figure.bounces, figure.seconds
    if not _EPOCH <= figure.day <= latest:
        return BAD_TIME
    if not figure.domain:
        return NO_SITE
    if max(len(figure.value), len(figure.domain), len(figure.dimension)) > LONGEST:
        return TOO_LONG
    if not all(count is None or 0 <= count <= _MOST_COUNT for count in counts):
        return BAD_COUNT
    return None


def repair_row(row: Row) -> Row:
    """The row without properties that are no JSON object; the row itself where nothing is to do."""
    if row.kind == PAGEVIEW or (row.kind != CUSTOM and not row.properties):
        return row
    return row if is_object(row.properties) else replace(row, properties=NO_PROPERTIES)


def is_object(properties: str) -> bool:
    """Whether properties are a JSON object that is not too long."""
    if properties == NO_PROPERTIES:
        return True
    try:
        body = properties.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(body) <= LONGEST and not isinstance(read_properties(body), Refusal)


def without_surrogates(visit: Visit) -> Visit:
    """The visit with U+FFFD for what no encoding of Unicode has."""
    known = msgspec.to_builtins(visit)
    return msgspec.convert(_replace(known), Visit)


def _replace(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: _replace(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_replace(one) for one in value]
    return value


def _texts(session: Session) -> tuple[str, ...]:
    client, utm, place = session.client, session.utm, session.place
    return (
        session.domain, session.entry_path, session.exit_path, session.visitor, session.country, session.referrer,
        session.click_id, client.os, client.browser, client.device, client.type, utm.source, utm.medium, utm.campaign,
        utm.term, utm.content, *((place.region, place.city) if place else ()),
    )  # fmt: skip
