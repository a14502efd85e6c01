"""The bounds of what accounts may have: below them and at them all is well, above them it is refused or replaced."""

from pathlib import Path

import argon2
import pytest

from prisme.access import accounts as accounts_module
from prisme.access import annotations as annotations_module
from prisme.access import browsers as browsers_module
from prisme.access import keys
from prisme.access import login_attempts as login_attempts_module
from prisme.access import shares as shares_module
from prisme.access import tokens as tokens_module
from prisme.access import views as views_module
from prisme.access.accounts import Accounts
from prisme.access.annotations import Annotations
from prisme.access.browsers import Browsers
from prisme.access.grants import AccessError, Grant, operator
from prisme.access.login_attempts import PER_ADDRESS, PER_NETWORK, WINDOW, AttemptLimiter
from prisme.access.shares import Shares
from prisme.access.sites import SiteList
from prisme.access.tokens import Tokens
from prisme.access.views import Owner, Views
from prisme.store.control import Control
from prisme.visit import address
from prisme.web.password_check import stranger_limits

BY = operator("test")
ADA = Owner(account="ada")
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def control(tmp_path: Path) -> Control:
    control = Control(tmp_path)
    Accounts(control).add(BY, "ada", "admin", (), PASSWORD, 0)
    return control


def viewer(control: Control, *domains: str) -> Grant:
    Accounts(control).add(BY, "vic", "viewer", domains, PASSWORD, 0)
    return Accounts(control).list()[1].grant


@pytest.mark.parametrize(
    ("length", "fits"), [(9, False), (10, True), (11, True), (255, True), (256, True), (257, False)]
)
def test_lengths_of_passwords(control: Control, length: int, fits: bool) -> None:
    accounts, password = Accounts(control), "p" * length
    if not fits:
        with pytest.raises(AccessError, match="10 to 256 characters"):
            accounts.set_password(BY, "ada", password, 0)
        return
    accounts.set_password(BY, "ada", password, 0)
    assert accounts.log_in("ada", password, 0)
    assert not accounts.log_in("ada", password + "p", 0)
    assert not accounts.log_in("ada", password[:-1], 0)


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (63, True), (64, True), (65, False)])
def test_lengths_of_names(control: Control, length: int, fits: bool) -> None:
    name = "n" * length
    if fits:
        assert Accounts(control).add(BY, name, "admin", (), PASSWORD, 0).name == name
        assert Accounts(control).log_in(name, PASSWORD, 0)
    else:
        with pytest.raises(AccessError, match="is not an account name"):
            Accounts(control).add(BY, name, "admin", (), PASSWORD, 0)


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (99, True), (100, True), (101, False)])
def test_lengths_of_the_names_of_tokens(control: Control, length: int, fits: bool) -> None:
    if fits:
        assert Tokens(control).add(BY, "t" * length, 0)[0].name == "t" * length
    else:
        with pytest.raises(AccessError, match="1 to 100 characters"):
            Tokens(control).add(BY, "t" * length, 0)


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (63, True), (64, True), (65, False)])
def test_lengths_of_the_names_of_views(control: Control, length: int, fits: bool) -> None:
    views = Views(control)
    if fits:
        views.save(ADA, "v" * length, "")
        assert [view.name for view in views.list("ada")] == ["v" * length]
    else:
        with pytest.raises(AccessError, match="1 to 64 characters"):
            views.save(ADA, "v" * length, "")


def test_only_so_many_tokens(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens_module._MAX_TOKENS == 1000
    monkeypatch.setattr(tokens_module, "_MAX_TOKENS", 3)
    tokens = Tokens(control)
    made = [tokens.add(BY, "t", 0)[0] for _ in range(3)]
    with pytest.raises(AccessError, match="already 3 tokens"):
        tokens.add(BY, "t", 0)
    tokens.remove(BY, made[0].id, 0)
    tokens.add(BY, "t", 0)


def test_only_so_many_share_links(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_module._MAX_SHARES == 1000
    monkeypatch.setattr(shares_module, "_MAX_SHARES", 3)
    shares = Shares(control)
    made = [shares.add(BY, "a.example", 0)[0] for _ in range(3)]
    with pytest.raises(AccessError, match="already 3 share links"):
        shares.add(BY, "a.example", 0)
    shares.remove(BY, made[0].id, 0)
    shares.add(BY, "a.example", 0)


def test_only_so_many_views(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert views_module._MAX_VIEWS == 50
    monkeypatch.setattr(views_module, "_MAX_VIEWS", 3)
    views = Views(control)
    for number in range(3):
        views.save(ADA, f"v{number}", "")
    with pytest.raises(AccessError, match="already 3 views"):
        views.save(ADA, "v3", "")
    views.save(ADA, "v2", "country=DE")
    views.remove("ada", views.list("ada")[0].id, of_sites=False)
    views.save(ADA, "v3", "")
    monkeypatch.setattr(views_module, "_MAX_SITE_VIEWS", 2)
    views.save(Owner(site="a.example"), "v", "")
    views.save(Owner(site="b.example"), "v", "")
    views.save(Owner(site="b.example"), "v", "country=DE")
    with pytest.raises(AccessError, match="already 2 views of sites"):
        views.save(Owner(site="a.example"), "w", "")


def test_only_so_many_annotations(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (annotations_module.MAX_OF_SITE, annotations_module.MAX_TEXT) == (1000, 200)
    monkeypatch.setattr(annotations_module, "MAX_OF_SITE", 2)
    monkeypatch.setattr(annotations_module, "_MAX_OF_ALL", 3)
    annotations = Annotations(control, SiteList(control, ("a.example", "b.example"), ()))
    first, _ = (annotations.add(BY, "a.example", "x" * 200, 0) for _ in range(2))
    for domain, text, why in (
        ("a.example", "x", "already has 2"),
        ("b.example", "x" * 201, "1 to 200 characters"),
        ("b.example", " ", "1 to 200 characters"),
        ("b.example", "a\nb", "1 to 200 characters"),
        ("c.example", "x", "is not a site"),
        ("*.b.example", "x", "many sites"),
    ):
        with pytest.raises(AccessError, match=why):
            annotations.add(BY, domain, text, 0)
    annotations.add(BY, "b.example", "x", 0)
    with pytest.raises(AccessError, match="already 3 annotations"):
        annotations.add(BY, "b.example", "x", 0)
    annotations.remove(BY, first.id)
    annotations.add(BY, "b.example", "x", 0)


def test_the_oldest_of_too_many_log_ins_ends(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accounts_module._MAX_LOGINS == 50
    monkeypatch.setattr(accounts_module, "_MAX_LOGINS", 3)
    accounts = Accounts(control)
    viewer(control, "a.example")
    other = accounts.create_login("vic", 0)
    made = [accounts.create_login("ada", 0) for _ in range(3)]
    assert all(accounts.find_login(key, 0) for key in made)
    made.append(accounts.create_login("ada", 0))
    assert [bool(accounts.find_login(key, 0)) for key in made] == [False, True, True, True]
    assert accounts.find_login(other, 0)


def test_the_oldest_of_too_many_browsers_is_forgotten(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert browsers_module._MAX_BROWSERS == 50
    monkeypatch.setattr(browsers_module, "_MAX_BROWSERS", 3)
    browsers = Browsers(control)
    viewer(control, "a.example")
    other = browsers.remember("vic", "", 0)
    made = [browsers.remember("ada", "", 0) for _ in range(3)]
    browsers.remember("ada", made[0], 1)
    made.append(browsers.remember("ada", "", 2))
    assert [browsers.is_known("ada", key, 2) for key in made] == [True, False, True, True]
    assert browsers.is_known("vic", other, 2)


def test_the_oldest_of_too_many_unlocks_ends(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_module._MAX_UNLOCKS == 10_000
    monkeypatch.setattr(shares_module, "_MAX_UNLOCKS", 3)
    shares = Shares(control)
    share, _ = shares.add(BY, "a.example", 0, password=PASSWORD)
    made = [shares.unlock(share, PASSWORD, 0) or "" for _ in range(4)]
    assert [shares.is_unlocked(share, key, 0) for key in made] == [False, True, True, True]


@pytest.mark.parametrize("limit", [1, 2, PER_ADDRESS])
def test_attempts_up_to_their_limit(limit: int) -> None:
    limiter, limits = AttemptLimiter(), {"a": limit}
    assert [limiter.reserve(limits, 0.0) for _ in range(limit)] == [0] * limit
    assert limiter.reserve(limits, 0.0) == WINDOW
    assert limiter.reserve(limits, WINDOW - 0.5) == 1
    assert limiter.reserve({"b": limit}, 0.0) == 0
    # The window has ended, and another one begins.
    assert [limiter.reserve(limits, WINDOW) for _ in range(limit)] == [0] * limit
    assert limiter.reserve(limits, WINDOW) == WINDOW
    assert limiter.reserve(limits, 3 * WINDOW) == 0


def test_a_released_attempt_does_not_count() -> None:
    limiter, limits = AttemptLimiter(), {"a": 2, "b": 3}
    for _ in range(10):
        assert limiter.reserve(limits, 0.0) == 0
        limiter.release(limits)
    assert [limiter.reserve(limits, 0.0) > 0 for _ in range(3)] == [False, False, True]
    # What was refused is counted for none of the keys.
    assert [limiter.reserve({"b": 3}, 0.0) > 0 for _ in range(2)] == [False, True]


def test_the_last_window_to_end_is_waited_for() -> None:
    limiter = AttemptLimiter()
    limiter.reserve({"a": 1}, 0.0)
    limiter.reserve({"b": 1}, 100.0)
    assert limiter.reserve({"a": 1, "b": 1, "c": 1}, 200.0) == WINDOW - 100


def test_the_oldest_of_too_many_attempts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert login_attempts_module._MAX_KEYS == 50_000
    monkeypatch.setattr(login_attempts_module, "_MAX_KEYS", 3)
    limiter = AttemptLimiter()
    for number in range(10):
        assert limiter.reserve({f"{number}": 1}, number) == 0
        assert len(limiter._attempts) <= 4
    assert [limiter.reserve({f"{number}": 1}, 10.0) > 0 for number in (9, 0)] == [True, False]


def test_networks_of_ipv6_are_counted() -> None:
    """A /64 like an address, and a /48 for 16 of them."""
    limiter = AttemptLimiter()

    def attempt(text: str) -> bool:
        return limiter.reserve(stranger_limits(address.parse(text), f"account {text}"), 0.0) == 0

    assert all(attempt(f"2001:db8:1:2::{host:x}") for host in range(PER_ADDRESS))
    assert not attempt("2001:db8:1:2:ffff::1")
    assert attempt("2001:db8:1:3::1")
    assert all(attempt(f"2001:db8:1:{net:x}::1") for net in range(0x100, 0x100 + PER_NETWORK - PER_ADDRESS - 1))
    assert not attempt("2001:db8:1:fff::1")
    assert attempt("2001:db8:2:1::1")
    assert PER_NETWORK == 16 * PER_ADDRESS


def test_addresses_of_ipv4_have_no_network() -> None:
    limiter = AttemptLimiter()
    for number in range(PER_NETWORK + 1):
        limits = stranger_limits(address.parse(f"192.0.{number // 250}.{number % 250}"), f"account {number}")
        assert limiter.reserve(limits, 0.0) == 0


def test_a_viewers_token_is_for_the_viewers_domains(control: Control) -> None:
    vic = viewer(control, "a.example", "b.example")
    with pytest.raises(AccessError, match=r"^you do not have access to c\.example$"):
        Tokens(control).add(vic, "t", 0, domains=("a.example", "c.example"))


def test_a_token_loses_what_its_account_loses(control: Control) -> None:
    accounts, tokens = Accounts(control), Tokens(control)
    vic = viewer(control, "a.example", "b.example")
    keys_ = [tokens.add(vic, "t", 0, domains=domains)[1] for domains in (None, ("a.example", "b.example"))]
    accounts.set_role(BY, "vic", "viewer", ("b.example", "c.example"), 0)
    found = [tokens.find(key, 0) for key in keys_]
    assert [grant and grant.domains for grant in found] == [("b.example", "c.example"), ("b.example",)]
    accounts.set_role(BY, "vic", "viewer", ("c.example",), 0)
    grant = tokens.find(keys_[1], 0)
    assert grant
    assert grant.domains == ()


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("by", ["cli:test", "user:ada"])
def test_tokens_end_with_a_new_password(control: Control, keep: bool, by: str) -> None:
    accounts, tokens, browsers = Accounts(control), Tokens(control), Browsers(control)
    ada, vic = accounts.list()[0].grant, viewer(control, "a.example")
    own, others, operators = (tokens.add(grant, "t", 0)[1] for grant in (ada, vic, BY))
    login, browser = accounts.create_login("ada", 0), browsers.remember("ada", "", 0)
    ended = accounts.set_password(ada if by == "user:ada" else BY, "Ada", "another password", 0, keep_tokens=keep)
    assert ended == (0 if keep else 1)
    assert bool(tokens.find(own, 0)) is keep
    assert tokens.find(others, 0)
    assert tokens.find(operators, 0)
    assert not accounts.find_login(login, 0)
    # Whose password others reset may not have been the only one to use it.
    assert browsers.is_known("ada", browser, 0) is (by == "user:ada")
