"""HTTPS by Prisme itself: a visit is stored, the log-in's cookie is Secure, and plain HTTP gets nothing."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control
from tests.certificate import make_pair, openssl
from tests.checkout import ROOT
from tests.container import parse
from tests.process import Process
from tests.requirements import need
from tests.server import PATIENCE, LiveServer, browser, find_logged, wait_until

PASSWORD = "correct horse battery"
VIEWS = "/api/v1/events/pageviews"
HEALTHCHECK = json.loads(parse((ROOT / "Containerfile").read_text())[-1].last("HEALTHCHECK").partition("CMD ")[2])
KINDS: dict[str, tuple[str, ...]] = {
    "P-256": (),
    "Ed25519": ("ed25519",),
    "RSA": ("rsa:2048",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_visit_and_a_log_in(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "prisme")
    with LiveServer(tmp_path / "data", **make_pair(tmp_path, "tls", *KINDS[kind]).options()) as server:
        link = find_logged(r"(https://127\.0\.0\.1:\d+/setup\?key=\S+)", caplog)
        assert f"listens on https://127.0.0.1:{server.port}" in caplog.text
        assert server.http.get(link).status_code == 200
        assert server.http.post(VIEWS, headers=browser("https://example.com/safe")).status_code == 200
        Accounts(Control(server.folder)).add(operator("test"), "ada", "admin", (), PASSWORD, 0)
        entered = server.http.post("/login", data={"name": "ada", "password": PASSWORD})
        assert entered.status_code == 303
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(entered.headers["set-cookie"].split("; "))
        assert server.http.get("/dashboard").status_code == 200  # the client sends it back
        assert "strict-transport-security" not in entered.headers
        assert server.rows("SELECT path FROM pageviews") == [("/safe",)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("tls")
    with LiveServer(folder / "data", **make_pair(folder).options()) as server:
        yield server


def test_plain_http_gets_nothing(server: LiveServer) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(f"http://127.0.0.1:{server.port}{VIEWS}", headers=browser("https://example.com/plain"))
    assert server.rows("SELECT path FROM pageviews WHERE path = '/plain'") == []


@pytest.mark.parametrize(
    ("least", "most", "answered"),
    [
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, True),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, False),
    ],
    ids=["1.3", "1.2", "1.1"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_versions(server: LiveServer, least: ssl.TLSVersion, most: ssl.TLSVersion, answered: bool) -> None:
    trust = ssl.create_default_context(cafile=server.config.tls_certificate)
    trust.set_ciphers("DEFAULT:@SECLEVEL=0")  # or OpenSSL itself would not even try
    trust.minimum_version, trust.maximum_version = least, most
    with httpx.Client(base_url=server.url, verify=trust, timeout=PATIENCE) as http:
        if answered:
            assert http.get("/api/v1/healthcheck").status_code == 200
        else:
            with pytest.raises(httpx.ConnectError, match="alert"):  # which is the server's
                http.get("/api/v1/healthcheck")


def test_http_1_alone(server: LiveServer) -> None:
    headers = [f"-H{name}: {value}" for name, value in browser("https://example.com/two").items()]
    told = ["--cacert", str(server.config.tls_certificate), "-w", "%{http_version} %{http_code}", "-X", "POST"]
    command = [need("curl", "curl"), "-sS", *told, *headers, f"{server.url}{VIEWS}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1.1 200", "")
    assert server.rows("SELECT path FROM pageviews WHERE path = '/two'") == [("/two",)]


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_the_containers_health_check(tmp_path: Path, secure: bool) -> None:
    """As a process of its own, as in the image; it trusts its own server whatever name the certificate has."""
    options = make_pair(tmp_path).options() if secure else {}
    process = Process(tmp_path / "data")
    process.options |= options
    told = {f"PRISME_{name.upper()}": text for name, text in options.items()} | {"PRISME_PORT": str(process.port)}

    def asks() -> int:
        command = [sys.executable, *HEALTHCHECK[1:]]
        return subprocess.run(command, env=os.environ | told, capture_output=True).returncode

    with process:
        assert asks() == 1
        process.start(ready=False)
        wait_until(lambda: asks() == 0, "the health check")
        assert process.stop() == 0
        assert asks() == 1


@pytest.mark.parametrize(
    "kind",
    [("ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"), ("ed448",), ("rsa:2048", "-x509v1")],
    ids=["P-521", "Ed448", "version 1"],
)
def test_a_certificate_that_granian_cannot_use_ends_the_start(tmp_path: Path, kind: tuple[str, ...]) -> None:
    """OpenSSL knows more than Granian's TLS, which would end the process without a word in the log."""
    pair = make_pair(tmp_path, "tls", *(word for word in kind if word != "-x509v1"))
    if "-x509v1" in kind:
        request, again = tmp_path / "request", ("-signkey", pair.tls_key, "-out")
        openssl("req", "-new", "-key", pair.tls_key, "-subj", "/CN=prisme", "-out", request)
        openssl("x509", "-req", "-in", request, *again, pair.tls_certificate)
    process = Process(tmp_path / "data")
    process.options |= pair.options()
    with process:
        assert process.start(ready=False).wait(PATIENCE) == 1
        (line,) = [line for line in process.log() if line["level"] == 60]
        assert line["msg"].startswith(
            f"cannot start: tls_certificate {pair.tls_certificate} and tls_key {pair.tls_key} "
        )
        assert "create new ones" in line["msg"]
