"""Who sends a request: what is remembered of it, and that nobody is taken for somebody else."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import argon2
import pytest

from prisme.access import keys
from prisme.access.accounts import Accounts
from prisme.access.grants import Grant, operator
from prisme.access.shares import Shares
from prisme.access.sharing import Sharing
from prisme.access.sites import SiteList
from prisme.access.tokens import Tokens
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.cancellation import Cancellation
from prisme.store.control import Control
from prisme.web import identification
from prisme.web.authentication import Authenticator
from prisme.web.identification import Identifier
from prisme.web.parsed_request import ParsedRequest
from prisme.web.quota import Rank, Sender
from prisme.web.request import Proxy
from prisme.web.worker_pool import WorkerPool
from tests.web.requests import make_request

BY = operator("test")
PROXY = Proxy("false", "", 1, "")


class World:
    """An identifier; `senders` are those by which it asked its pool for a thread."""

    def __init__(self, folder: Path) -> None:
        control = Control(folder)
        self.accounts, self.tokens, self.shares = Accounts(control), Tokens(control), Shares(control)
        self.accounts.add(BY, "ada", "admin", (), "correct horse battery", 0)
        self.senders: list[Sender] = []
        senders = self.senders

        class Watched(WorkerPool):
            async def run(self, work: Any, sender: Sender, *others: Any) -> Any:  # type: ignore[override]
                senders.append(sender)
                return await super().run(work, sender, *others)

        self.pool = Watched("test", 1, 64)
        self.sharing = Sharing(control, SiteList(control, ("open.example", "closed.example"), ()))
        authenticator = Authenticator(self.accounts, self.tokens, self.shares, self.sharing, lambda: 0)
        self.identifier = Identifier(authenticator, self.pool)

    def identify(self, parsed: ParsedRequest) -> tuple[Grant | Refusal, Sender]:
        request = make_request(PROXY)
        return asyncio.run(self.identifier.identify(request, parsed)), request.sender

    def log_in(self) -> ParsedRequest:
        return send(cookies={"prisme_login": self.accounts.create_login("ada", 0)})

    @property
    def stranger(self) -> Sender:
        return Sender(Rank.NOBODY, str(make_request(PROXY).client.key))


def send(
    headers: dict[str, str] | None = None, cookies: dict[str, str] | None = None, query: dict[str, str] | None = None
) -> ParsedRequest:
    return ParsedRequest(headers or {}, cookies or {}, query or {}, 0.0, Cancellation())


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(keys, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    world = World(tmp_path)
    with closing(world.pool):
        yield world


def test_each_kind_of_credentials_has_its_rank(world: World) -> None:
    share = world.shares.add(BY, "a.example", 0)[1]
    for parsed, sender in (
        (world.log_in(), Sender(Rank.ACCOUNT, "user:ada")),
        (send(bearer(world.tokens.add(BY, "t", 0)[1])), Sender(Rank.TOKEN, "token:1")),
        (send(query={"share": share}), Sender(Rank.SHARE, "share:1")),
        (send(bearer(share)), Sender(Rank.SHARE, "share:1")),
    ):
        assert world.identifier.find_known(parsed) is None
        assert world.identify(parsed)[1] == world.identifier.find_known(parsed) == sender
        # A stranger at first, whose credentials come before others' from then on.
        world.identify(parsed)
        assert world.senders[-2:] == [world.stranger, sender]


def test_who_has_no_credentials_needs_no_thread(world: World) -> None:
    assert world.identify(send()) == (refusal.NOT_LOGGED_IN, world.stranger)
    assert world.senders == []
    assert world.identify(send(bearer("prtok_wrong"))) == (refusal.KEY_UNKNOWN, world.stranger)


def test_a_public_page_is_one_sender_and_nobodys_credentials(world: World) -> None:
    world.sharing.switch(BY, "open.example", "public", True, 0)
    parsed, sender = send(query={"public": "open.example"}), Sender(Rank.SHARE, "public:open.example")
    for host in ("closed.example", "nowhere.example", "*.example", "a b", ""):
        assert world.identify(send(query={"public": host}))[0] in (refusal.NOT_PUBLIC, refusal.NOT_LOGGED_IN)
    for _ in range(2):
        assert world.identify(parsed)[1] == sender
        assert world.identifier.find_known(parsed) is None
    assert world.senders[-1] == sender
    world.sharing.switch(BY, "open.example", "public", False, 0)
    assert world.identify(parsed) == (refusal.NOT_PUBLIC, world.stranger)
    world.identify(parsed)
    assert world.senders[-1] == world.stranger


def test_credentials_that_have_ended_are_forgotten(world: World) -> None:
    parsed = send(bearer(world.tokens.add(BY, "t", 0)[1]))
    world.identify(parsed)
    world.tokens.remove(BY, 1, 0)
    assert world.identify(parsed) == (refusal.KEY_UNKNOWN, world.stranger)
    assert world.identifier.find_known(parsed) is None


def test_a_wrong_key_over_a_log_in_is_not_known(world: World) -> None:
    parsed = world.log_in()
    world.identify(parsed)
    assert world.identifier.find_known(send(bearer("prtok_wrong"), dict(parsed.cookies))) is None


def test_only_so_many_credentials_are_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identification, "_MOST_KNOWN", 3)
    for _ in range(5):
        world.identify(world.log_in())
        assert len(world.identifier._known) <= 3
