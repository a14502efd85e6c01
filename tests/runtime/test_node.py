"""`sites_url` and `sites_token_file`: both or none, only on an ingestion node, and what is wrong with the URL."""

from pathlib import Path

import pytest

from prisme.runtime.config import load
from prisme.runtime.option import flag, key, variable
from tests.runtime.settings import MACHINE, mistakes, read

URL = "https://stats.example.com"
PUBLIC = "is plain HTTP to a public address, where anybody in between can read and change it: write https"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("prtok_x")
    return file


def options(token: Path, url: str = URL) -> dict[str, str]:
    return {"mode": "ingestion", "sites_url": url, "sites_token_file": str(token)}


def test_each_source(tmp_path: Path, token: Path) -> None:
    given = options(token)
    file = "".join(f"{key(name)} = '{text}'\n" for name, text in given.items())
    by_flag = read(tmp_path, flags={flag(name): text for name, text in given.items()})
    by_variable = read(tmp_path, environ={variable(name): text for name, text in given.items()})
    for config in (by_flag, by_variable, read(tmp_path, file=file)):
        assert (config.sites_url, config.sites_token_file) == (URL, token)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Stats.Example.com/", URL),
        ("https://stats.example.com:8443/web/stats//", "https://stats.example.com:8443/web/stats"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://prisme:8000", "http://prisme:8000"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://100.64.0.1", "http://100.64.0.1"),
        ("http://[fd00::1]:8000", "http://[fd00::1]:8000"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_urls(tmp_path: Path, token: Path, text: str, url: str) -> None:
    environ = {variable(name): one for name, one in options(token, text).items()}
    assert read(tmp_path, environ=environ).sites_url == url


@pytest.mark.parametrize(
    "text",
    [
        "stats.example.com",
        "ftp://stats.example.com",
        "https://",
        "https://a b",
        "https://ada:secret@stats.example.com",
        "https://stats.example.com/?x=1",
        "https://stats.example.com/#x",
        "https://stats.example.com:0",
        "https://stats.example.com:65536",
        "https://stats.example.com/a/../b c",
        "http://8.8.8.8",
        "http://[2606:4700::1]/x",
    ],
)
def test_what_is_no_url(tmp_path: Path, token: Path, text: str) -> None:
    (told,) = mistakes(tmp_path, environ={variable(name): one for name, one in options(token, text).items()})
    why = PUBLIC if text.startswith("http:") else "is not a URL of scheme, host and, if needed, port and path"
    assert told.startswith(f"sites_url (environment PRISME_SITES_URL): {text!r} {why}")


def test_one_of_two_is_a_mistake(tmp_path: Path, token: Path) -> None:
    assert mistakes(tmp_path, flags={"--mode": "ingestion", "--sites-token-file": str(token)}) == [
        "sites_url (default): the value is missing: sites_token_file is set, so set the URL of the server that has the "
        "sites"
    ]
    assert mistakes(tmp_path, flags={"--mode": "ingestion", "--sites-url": URL}) == [
        "sites_token_file (default): the value is missing: sites_url is set, so set the file with the token that "
        "`prisme token add NAME --scope sites` prints on that server"
    ]


def test_only_an_ingestion_node_learns(tmp_path: Path, token: Path) -> None:
    given = {flag(name): text for name, text in options(token).items() if name != "mode"}
    assert mistakes(tmp_path, flags=given) == [
        'sites_url (flag --sites-url): only a node with mode = "ingestion" learns of sites from another server: set '
        "this, or leave sites_url and sites_token_file out"
    ]


def test_the_file_has_to_be_there(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, flags={flag(name): text for name, text in options(tmp_path / "none").items()})
    assert told.startswith("sites_token_file (flag --sites-token-file): there is no file ")


def test_a_node_that_learns_of_sites_may_have_none_of_its_own(tmp_path: Path, token: Path) -> None:
    _, notices = load({flag(name): text for name, text in options(token).items()}, {}, tmp_path, MACHINE)
    assert notices == []
    _, notices = load({"--mode": "ingestion"}, {}, tmp_path, MACHINE)
    assert [notice.partition(":")[0] for notice in notices] == ["origins is not set"]
