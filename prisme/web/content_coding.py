"""Content codings: which one a client prefers, and gzip for responses that are made for each request."""

import gzip
from typing import Final

from prisme.web.responses import Response

# The smallest first: a client without a preference gets the first one that it accepts.
CODINGS: Final = (b"br", b"gzip", b"identity")
# Browsers send about 30 bytes of `Accept-Encoding`.
MAX_ACCEPT_BYTES: Final = 128
# Identity is acceptable unless it is refused, but less than codings that are named (RFC 9110, section 12.5.3).
_UNNAMED: Final = {b"identity": 0.0001}
_MIN_GZIP_BYTES: Final = 1000


def choose_coding(accepted: bytes) -> bytes:
    """The coding that an `Accept-Encoding` prefers: `br`, `gzip` or `identity`."""
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        name, _, weight = parameter.partition(b"=")
        weights[coding.strip()] = _read_weight(weight) if name.strip() == b"q" else 1.0
    other = weights.get(b"*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, _UNNAMED.get(coding, other)))
    # If every coding is refused, the response is sent all the same: 406 would help nobody.
    return best if weights.get(best, other) > 0 else b"identity"


def gzip_response(response: Response, accepted: bytes) -> Response:
    """The response compressed with gzip, if the client accepts it and it makes the body smaller."""
    start, body = response
    accepted = accepted[:MAX_ACCEPT_BYTES]
    is_accepted = b"gzip" in accepted and choose_coding(accepted) != b"identity"
    if len(body["body"]) < _MIN_GZIP_BYTES or not is_accepted:
        return response
    compressed = gzip.compress(body["body"], 6, mtime=0)
    headers = [*start["headers"], (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    return {**start, "headers": headers}, {**body, "body": compressed}


def _read_weight(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
