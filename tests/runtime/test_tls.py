"""`tls_certificate` and `tls_key`: both or none, and what is wrong with them is a mistake of the configuration."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prisme.runtime.option import flag, key, variable
from tests.certificate import Pair, make_pair, openssl
from tests.runtime.settings import mistakes, read


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"))


def test_each_source(tmp_path: Path, pair: Pair) -> None:
    told = pair.options()
    file = "".join(f"{key(name)} = '{text}'\n" for name, text in told.items())
    by_flag = read(tmp_path, flags={flag(name): text for name, text in told.items()})
    by_variable = read(tmp_path, environ={variable(name): text for name, text in told.items()})
    for config in (by_flag, by_variable, read(tmp_path, file=file)):
        assert Pair(config.tls_certificate or Path(), config.tls_key or Path()) == pair


def test_one_of_two_is_a_mistake(tmp_path: Path, pair: Pair) -> None:
    assert mistakes(tmp_path, environ={"PRISME_TLS_KEY": str(pair.tls_key)}) == [
        "tls_certificate (default): the value is missing: tls_key is set, so set the certificate that it belongs to"
    ]
    assert mistakes(tmp_path, file=f"tls_certificate = '{pair.tls_certificate}'\ntls_key = ''") == [
        "tls_key (file prisme.toml key tls_key): the value is missing: "
        "tls_certificate is set, so set the file with its private key"
    ]


Spoil = Callable[[Pair, Path], Pair]


def lock(pair: Pair, folder: Path) -> Pair:
    locked = folder / "locked.key"
    openssl("pkey", "-in", pair.tls_key, "-aes128", "-passout", "pass:secret", "-out", locked)
    return pair._replace(tls_key=locked)


def lock_as_of_old(pair: Pair, folder: Path) -> Pair:
    locked = folder / "locked.key"
    openssl("ec", "-in", pair.tls_key, "-aes128", "-passout", "pass:secret", "-out", locked)
    return pair._replace(tls_key=locked)


def pack(pair: Pair, folder: Path) -> Pair:
    packed = folder / "packed.der"
    openssl("x509", "-in", pair.tls_certificate, "-outform", "der", "-out", packed)
    return pair._replace(tls_certificate=packed)


def tear(pair: Pair, folder: Path) -> Pair:
    torn = folder / "torn.crt"
    torn.write_bytes(pair.tls_certificate.read_bytes()[:200])
    return pair._replace(tls_certificate=torn)


@pytest.mark.parametrize(
    ("spoil", "option", "reason"),
    [
        (lambda pair, _: pair._replace(tls_key=Path("/no/such.key")), "tls_key", "there is no file '/no/such.key'"),
        (lambda pair, folder: pair._replace(tls_certificate=folder), "tls_certificate", "there is no file"),
        (pack, "tls_certificate", "has no certificate in PEM"),
        (lambda pair, _: Pair(pair.tls_key, pair.tls_certificate), "tls_certificate", "has no certificate in PEM"),
        (lambda pair, _: pair._replace(tls_key=pair.tls_certificate), "tls_key", "has no private key in PEM"),
        (lambda pair, folder: pair._replace(tls_key=make_pair(folder).tls_key), "tls_key", "does not belong to the"),
        (
            lambda pair, folder: pair._replace(tls_key=make_pair(folder, "rsa", "rsa:2048").tls_key),
            "tls_key",
            "does not belong to the",
        ),
        (lock, "tls_key", "needs a password"),
        (lock_as_of_old, "tls_key", "needs a password"),
        (tear, "tls_certificate", "cannot be used (damaged): create them again"),
        (lambda _, folder: make_pair(folder, "weak", "rsa:1024"), "tls_certificate", "EE_KEY_TOO_SMALL"),
    ],
    ids=["missing", "folder", "DER", "swapped", "no key", "strange", "kind", "locked", "locked of old", "torn", "weak"],
)
def test_what_is_wrong_is_named(tmp_path: Path, pair: Pair, spoil: Spoil, option: str, reason: str) -> None:
    told = spoil(pair, tmp_path).options()
    (message,) = mistakes(tmp_path, environ={variable(name): text for name, text in told.items()})
    assert message.startswith(f"{option} (environment {variable(option)}): ")
    assert reason in message


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("option", ["tls_certificate", "tls_key"])
def test_what_cannot_be_read(pair: Pair, option: str) -> None:
    """A file is there, but refuses, also to root; and through the shell: exit code 2."""
    told = pair.options() | {option: "/proc/self/mem"}
    flags = [f"{flag(name)}={text}" for name, text in told.items()]
    done = subprocess.run([sys.executable, "-m", "prisme", "serve", *flags], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{option} (flag {flag(option)}): '/proc/self/mem' cannot be read (Input/output error)" in done.stderr
