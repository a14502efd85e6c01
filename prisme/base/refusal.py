"""All reasons for which a request is refused. A refusal is a value, never an exception."""

import re

import msgspec

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """`name` is the label in metrics; the client gets `status`, `reason` and `retry_after` (seconds, 0 for none).

    `logged` is what the access log has in place of a reason that may quote what is stored.
    """

    name: str
    status: int
    reason: str
    retry_after: int = 0
    logged: str = ""

    def with_reason(self, reason: str) -> "Refusal":
        """The same refusal with another reason. Control characters in it are replaced, as it may quote the client."""
        return msgspec.structs.replace(self, reason=_CONTROL.sub("?", reason))

    def with_retry_after(self, seconds: int) -> "Refusal":
        """The same refusal, with the seconds after which to try again."""
        return msgspec.structs.replace(self, retry_after=seconds)


NOT_FOUND = Refusal("not_found", 404, "no such endpoint")
METHOD_NOT_ALLOWED = Refusal("method_not_allowed", 405, "method not allowed")
RATE_LIMITED = Refusal("rate_limited", 429, "rate limit exceeded")
ORIGIN_UNKNOWN = Refusal("origin_not_registered", 400, "origin not registered")
PAGE_MISSING = Refusal("page_url_missing", 400, "page URL is missing: send X-Prisme-Referrer or Referer")
PAGE_INVALID = Refusal(
    "page_url_invalid", 400, "page URL is not an absolute http(s) URL with a host, or is over 8192 bytes"
)
PAGE_UNKNOWN = Refusal("page_not_registered", 400, "the page's host is not registered")
REFERRER_INVALID = Refusal(
    "document_referrer_invalid", 400, "document referrer is not an absolute URL with a host, or is over 8192 bytes"
)
VISITOR_INVALID = Refusal("visitor_id_invalid", 400, "visitor id is over 256 bytes, or is not UTF-8")
STATUS_INVALID = Refusal("status_invalid", 400, "status is not a number from 100 to 599")
QUERY_TOO_LONG = Refusal("query_too_long", 400, "query string is over 32768 bytes")
BODY_TOO_LONG = Refusal("body_too_long", 413, "body is over 65536 bytes")
BODY_CUT = Refusal("body_cut", 400, "body is incomplete")
BODY_IN_PIECES = Refusal("body_in_pieces", 400, "body arrived in more than 1024 pieces")
BODY_LATE = Refusal("body_late", 408, "body took longer than 10 seconds")
NOT_JSON = Refusal("content_type_not_json", 400, "content type of a custom event must be application/json")
PROPERTIES_INVALID = Refusal("properties_invalid", 400, "properties are not a JSON object")
PROPERTY_INVALID = Refusal("property_invalid", 400, "a prop- parameter is not a JSON value: put text in double quotes")
LINK_MISSING = Refusal("link_missing", 400, "link URL is missing")
LINK_INVALID = Refusal("link_invalid", 400, "link URL is not an absolute http(s) URL, or is over 8192 bytes")
LINK_INTERNAL = Refusal("internal_link", 400, "internal link")
BOT = Refusal("bot", 400, "bot session filtered")
INTERNAL_ERROR = Refusal("internal_error", 500, "internal error")
NO_ROOM = Refusal("no_room", 503, "the disk is almost full", retry_after=60)
JOURNAL_UNAVAILABLE = Refusal("journal_unavailable", 503, "event cannot be stored right now", retry_after=5)

NOT_LOGGED_IN = Refusal("not_logged_in", 401, "log in, or send an API token in Authorization: Bearer TOKEN")
KEY_UNKNOWN = Refusal("key_unknown", 401, "unknown or expired token or link")
SHARE_LOCKED = Refusal("share_locked", 401, "this link is protected: open it in a browser and enter its password")
PASSWORD_WRONG = Refusal("password_wrong", 401, "wrong name or password")
SHARE_PASSWORD_WRONG = Refusal("share_password_wrong", 401, "wrong password")
NOT_ALLOWED = Refusal("not_allowed", 403, "only admins, and tokens with the scope admin, may do this")
DOMAIN_NOT_ALLOWED = Refusal("domain_not_allowed", 403, "you do not have access to this domain")
CROSS_ORIGIN = Refusal("cross_origin", 403, "cross-origin request not allowed")
NOT_THERE = Refusal("not_there", 404, "not found")
# The same for sites that do not exist, so that nobody learns which do.
NOT_PUBLIC = Refusal("not_public", 404, "nothing is public at this address")
TOO_MANY_ATTEMPTS = Refusal("too_many_attempts", 429, "too many wrong passwords: try again later")
SQL_NOT_ALLOWED = Refusal(
    "sql_not_allowed", 403, "SQL is for admins, and for tokens with the scope query, which see all sites"
)
SQL_INVALID = Refusal("sql_invalid", 400, "the SQL cannot be answered", logged="the SQL cannot be answered")
QUESTION_INVALID = Refusal("question_invalid", 400, "invalid parameter")
NOT_ACCEPTABLE = Refusal(
    "not_acceptable", 406, "the response is JSON: send Accept: application/json, text/event-stream"
)
# A message of the Model Context Protocol that is none: the body is a JSON-RPC error.
MESSAGE_INVALID = Refusal("message_invalid", 400, "invalid message")
UPLOAD_INVALID = Refusal("upload_invalid", 400, "the upload is not a form with files")
UPLOAD_LATE = Refusal("upload_late", 408, "nothing more of the upload arrived for 30 seconds: try again")
UPLOAD_STOPPED = Refusal("upload_stopped", 503, "the upload was stopped, or the server is stopping", retry_after=10)
UPLOAD_BUSY = Refusal("upload_busy", 409, "another upload is under way: wait until it has ended, or discard it")
UPLOAD_TOO_LARGE = Refusal("upload_too_large", 413, "the files are larger than half of the free space")
UPLOAD_NO_ROOM = Refusal("upload_no_room", 507, "the disk is almost full: free up space, and try again")
FIELDS_INVALID = Refusal("fields_invalid", 400, "invalid fields")
STATS_LATE = Refusal("stats_late", 503, "the query took too long", retry_after=10)
STATS_LOST = Refusal("stats_lost", 503, "the database failed, or cannot be reached", retry_after=10)
STATS_FULL = Refusal(
    "stats_full",
    503,
    "the query needs more memory than duckdb_memory_limit: ask for less time, or with fewer filters, or raise it",
    retry_after=10,
)
STATS_DISK = Refusal(
    "stats_disk", 503, "the database cannot use its disk, which may be full: the log says more", retry_after=10
)
PASSWORDS_BUSY = Refusal("passwords_busy", 503, "too many passwords are being checked: try again", retry_after=2)
STATS_BUSY = Refusal("stats_busy", 503, "too many queries at once", retry_after=2)
RESPONSES_UNREAD = Refusal(
    "responses_unread", 503, "too many large responses have not been read yet: read them, or try again", retry_after=10
)
RESPONSE_TOO_LARGE = Refusal(
    "response_too_large", 400, "the response would be over 8 MiB: request fewer rows with limit, others with offset"
)
# nginx's status. Only metrics and the log show it.
CLIENT_GONE = Refusal("client_gone", 499, "the client closed the connection")
