"""A line of an access log, whatever server wrote it."""

import msgspec


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A request, as a server logged it. Texts are decoded, and empty where the log has none (`-`, or no such field).

    `at` is in microseconds since the Unix epoch (UTC): the end of the request, or its start; so lines are only roughly
    in order of time. `address` is of the client, without brackets and port. `host` has a port where the log gives one;
    it is empty where the log does not name it, or where `target` is a whole URL. `target` is as it was sent: a path
    with its query, or a URL. `content_type` is of the answer.
    """

    at: int
    address: str
    host: str
    method: str
    target: str
    status: int
    referrer: str = ""
    user_agent: str = ""
    content_type: str = ""
