"""Domains of accounts, tokens and share links: how they are written, and what a token may have of them."""

from pathlib import Path

import argon2
import pytest

from prisme.access import grants, keys
from prisme.access.accounts import Accounts
from prisme.access.grants import AccessError, operator, parse_domain, parse_domains
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.store.control import Control

BY = operator("test")


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    monkeypatch.setattr(keys, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return Control(tmp_path)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.com", "example.com"),
        (" Shop.Example.com:8080 ", "shop.example.com:8080"),
        ("[::1]:8080", "[::1]:8080"),
        (" *.Example.com. ", "*.example.com"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
    ],
)
def test_domains_are_normalised(text: str, domain: str) -> None:
    assert parse_domain(text) == domain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("*", "is not a domain"),
        ("*.", "is not a domain"),
        ("", "is not a domain"),
        ("*.*.example.com", "is not a domain"),
        ("a.*.example.com", "is not a domain"),
        ("*example.com", "is not a domain"),
        ("*.https://example.com", "is not a domain"),
        ("*.example.com/", "is not a domain"),
        ("*.example.com:8080", "has a port: write *.example.com, which"),
        ("*.com", "over a single label"),
        ("*.localhost", "over a single label"),
        ("*.0.0.1", "before an address"),
        ("*.[::1]", "before an address"),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    with pytest.raises(AccessError) as raised:
        parse_domain(text)
    assert told in str(raised.value)


def test_wildcards_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "_MAX_WILDCARDS", 2)
    assert len(parse_domains(["*.a.b", "*.b.b", "c.b", "d.b"])) == 4
    with pytest.raises(AccessError, match="at most 2 domains"):
        parse_domains(["*.a.b", "*.b.b", "*.c.b"])


def test_a_token_never_has_more_than_its_account(control: Control) -> None:
    accounts, tokens = Accounts(control), Tokens(control)
    accounts.add(BY, "vic", "viewer", ("*.example.com", "example.org"), "correct horse battery", 0)
    (vic,) = accounts.list()
    for beyond in ("example.com", "*.example.org", "a.example.org", "*.le.com", "notexample.com"):
        with pytest.raises(AccessError, match="you do not have access"):
            tokens.add(vic.grant, "t", 0, domains=(beyond,))
    narrow = tokens.add(vic.grant, "t", 0, domains=("a.example.com:81", "*.b.example.com", "example.org"))[1]
    found = tokens.find(narrow, 0)
    assert found
    assert found.domains == ("*.b.example.com", "a.example.com:81", "example.org")
    accounts.set_role(BY, "vic", "viewer", ("x.b.example.com", "*.example.org"), 0)
    found = tokens.find(narrow, 0)
    assert found
    assert found.domains == ("x.b.example.com",)


def test_a_share_link_has_the_subdomains(control: Control) -> None:
    share, key = Shares(control).add(BY, "*.Example.com", 0)
    assert share.domain == "*.example.com"
    found = Shares(control).find(key, 0)
    assert found
    assert found.grant.domains == ("*.example.com",)
