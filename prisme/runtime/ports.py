"""Network ports."""

import socket


def claim(host: str, port: int) -> None:
    """Raise OSError where the address cannot be listened on.

    Granian shares ports (SO_REUSEPORT): without this, a second server on the same port would take half of the
    first one's visitors, and nobody would know.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
