"""Certificates to test with, signed by themselves, for 127.0.0.1 alone."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.requirements import need


class Pair(NamedTuple):
    """A certificate and its key, as options name them."""

    tls_certificate: Path
    tls_key: Path

    def options(self) -> dict[str, str]:
        """For a server of the tests."""
        return {name: str(path) for name, path in self._asdict().items()}


def make_pair(folder: Path, name: str = "tls", *kind: str) -> Pair:
    """A new one; `kind` is what `openssl req -newkey` says of the key, else a common one."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    kind = kind or ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subject = ["-subj", "/CN=prisme", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl("req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", *subject, "-keyout", pair[1], "-out", pair[0])
    return pair


def openssl(*words: str | Path) -> None:
    """Run it."""
    subprocess.run([need("openssl", "openssl"), *words], check=True, capture_output=True)
