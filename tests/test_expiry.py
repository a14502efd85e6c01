"""Everything that ends with time: it is valid until just before its end, and not from then on."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from prisme.access import audit
from prisme.access.accounts import LOGIN_SECONDS, Accounts
from prisme.access.browsers import KNOWN_SECONDS, Browsers
from prisme.access.grants import Grant, operator
from prisme.access.login_attempts import WINDOW, AttemptLimiter
from prisme.access.setup import Setup
from prisme.access.shares import UNLOCK_SECONDS, Shares
from prisme.access.sharing import Sharing
from prisme.access.sites import SiteList
from prisme.access.tokens import Tokens
from prisme.runtime.cancellation import Cancellation
from prisme.stats.cache import responses, sites
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.cache.sites import SiteCache
from prisme.store.control import Control
from prisme.visit import address, ratelimit
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.salts import Keys, Salts
from prisme.web.authentication import Authenticator
from prisme.web.parsed_request import ParsedRequest

BY = operator("test")
PASSWORD = "correct horse battery"
DAY = 86_400
START = 20_000 * DAY  # Unix seconds: a midnight


class World:
    """All that may be asked for access, with a clock that a test moves: `now`, in Unix seconds."""

    def __init__(self, folder: Path) -> None:
        self.now = float(START)
        self.control = Control(folder)
        self.accounts, self.browsers = Accounts(self.control), Browsers(self.control)
        self.tokens, self.shares = Tokens(self.control), Shares(self.control)
        self.authenticator = Authenticator(
            self.accounts,
            self.tokens,
            self.shares,
            Sharing(self.control, SiteList(self.control, (), ())),
            lambda: int(self.now),
        )
        self.accounts.add(BY, "ada", "admin", (), PASSWORD, START)

    def is_granted(self, *, cookie: tuple[str, str] = ("", ""), share: str = "", bearer: str = "") -> bool:
        """Whether a request with these credentials has any rights."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        query = {"share": share} if share else {}
        return isinstance(
            self.authenticator.identify(ParsedRequest(headers, dict([cookie]), query, 0.0, Cancellation())), Grant
        )


IsValid = Callable[[], bool]


def log_in(world: World) -> IsValid:
    key = world.accounts.create_login("ada", START)
    return lambda: world.is_granted(cookie=("prisme_login", key))


def log_in_that_is_used(world: World) -> IsValid:
    """However often it is used, it lasts no longer."""
    is_valid = log_in(world)
    for day in range(30):
        world.now = START + day * DAY
        assert is_valid()
    return is_valid


def known_browser(world: World) -> IsValid:
    key = world.browsers.remember("ada", "", START)
    return lambda: world.browsers.is_known("ada", key, int(world.now))


def token(world: World) -> IsValid:
    _, key = world.tokens.add(BY, "t", START, expires=START + 3 * DAY)
    return lambda: world.is_granted(bearer=key)


def share_link(world: World) -> IsValid:
    _, key = world.shares.add(BY, "a.example", START, expires=START + 3 * DAY)
    return lambda: world.is_granted(share=key)


def share_link_as_token(world: World) -> IsValid:
    _, key = world.shares.add(BY, "a.example", START, expires=START + 3 * DAY)
    return lambda: world.is_granted(bearer=key)


def unlock(world: World) -> IsValid:
    share, link = world.shares.add(BY, "a.example", START, password=PASSWORD)
    key = world.shares.unlock(share, PASSWORD, START)
    assert key
    return lambda: world.is_granted(share=link, cookie=(f"prisme_unlocked_{share.id}", key))


def unlock_of_a_link_that_expires(world: World) -> IsValid:
    share, link = world.shares.add(BY, "a.example", START, password=PASSWORD, expires=START + 3 * DAY)
    key = world.shares.unlock(share, PASSWORD, START)
    assert key
    return lambda: world.is_granted(share=link, cookie=(f"prisme_unlocked_{share.id}", key))


def wait_for_attempts(world: World) -> IsValid:
    """An attempt that fills the limit counts until the window of the first one ends."""
    limiter, limits = AttemptLimiter(), {"ada": 2}
    limiter.reserve(limits, START)
    limiter.reserve(limits, START + WINDOW / 2)

    def is_waiting() -> bool:
        seconds = limiter.reserve(limits, world.now)
        assert bool(seconds) == (seconds > 0)
        return seconds > 0

    return is_waiting


def hour_of_attempts(world: World) -> IsValid:
    def count() -> int:
        with world.control.change() as connection:
            audit.record_attempt(connection, int(world.now), audit.ANONYMOUS, "login.failed", "ada")
            return audit.read(connection, 1, 0)[0].count

    count()
    return lambda: count() > 1


class NoStore:
    """Stores no key."""

    def read(self) -> Keys:
        return {}

    def write(self, keys: Keys) -> bool:
        return True


def key_of_the_day(world: World) -> IsValid:
    salts = Salts(NoStore(), START * 1_000_000, 1800 * 1_000_000)
    first = bytes(salts.today)

    def is_todays() -> bool:
        salts.rotate(int(world.now * 1e6))
        return bytes(salts.today) == first

    return is_todays


def key_of_yesterday(world: World) -> IsValid:
    salts = Salts(NoStore(), (START - 1) * 1_000_000, 1800 * 1_000_000)
    salts.rotate(START * 1_000_000)

    def is_there() -> bool:
        salts.expire(int(world.now * 1e6))
        return salts.previous is not None

    return is_there


def rate_limit(world: World) -> IsValid:
    limiter, client = RateLimiter(1), address.parse("192.0.2.1")
    limiter.retry_after([client], [1], int(START * 1e9))
    return lambda: limiter.retry_after([client], [1], int(world.now * 1e9)) != [0]


def listed_sites(world: World) -> IsValid:
    cache = SiteCache()
    cache.find("ada", lambda: [("a.example", 1)])
    return lambda: cache.find("ada", lambda: [("b.example", 1)]) == [("a.example", 1)]


def cached_response(world: World) -> IsValid:
    cache = ResponseCache(lambda: 1)
    cache.find("question", lambda: b"first")
    return lambda: cache.find("question", lambda: b"second") == b"first"


EXPIRIES: dict[Callable[[World], IsValid], float] = {
    log_in: LOGIN_SECONDS,
    log_in_that_is_used: LOGIN_SECONDS,
    known_browser: KNOWN_SECONDS,
    token: 3 * DAY,
    share_link: 3 * DAY,
    share_link_as_token: 3 * DAY,
    unlock: UNLOCK_SECONDS,
    unlock_of_a_link_that_expires: 3 * DAY,
    wait_for_attempts: WINDOW,
    hour_of_attempts: audit.ATTEMPT_SECONDS,
    key_of_the_day: DAY,
    key_of_yesterday: 1800,
    rate_limit: ratelimit.WINDOW / 1e9,
    listed_sites: 60,
    cached_response: 1,
}
# For times that are whole seconds in the code; the others end between two of them.
WHOLE = {log_in, log_in_that_is_used, known_browser, token, share_link, share_link_as_token, unlock, hour_of_attempts}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    for module in (sites, responses):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: world.now))
    return world


@pytest.mark.parametrize("begin", EXPIRIES, ids=lambda begin: begin.__name__)
def test_it_ends_at_its_time(world: World, begin: Callable[[World], IsValid]) -> None:
    is_valid, seconds = begin(world), EXPIRIES[begin]
    world.now = START + seconds - (1 if begin in WHOLE else 0.001)
    assert is_valid()
    world.now = START + seconds
    assert not is_valid()


@pytest.mark.parametrize(
    "begin", [log_in, known_browser, token, share_link, unlock, wait_for_attempts], ids=lambda begin: begin.__name__
)
def test_it_stays_ended(world: World, begin: Callable[[World], IsValid]) -> None:
    is_valid = begin(world)
    world.now = START + 2 * EXPIRIES[begin]
    assert not is_valid()


def test_lengths_are_those_of_the_docs() -> None:
    assert (LOGIN_SECONDS, UNLOCK_SECONDS, KNOWN_SECONDS, WINDOW) == (30 * DAY, 30 * DAY, 400 * DAY, 900)


def test_the_setup_link_ends_with_the_process() -> None:
    """And with the first account, which `test_the_first_account_is_made_by_a_link_once` shows."""
    first, second = Setup(), Setup()
    assert first.is_valid(first.key)
    assert not second.is_valid(first.key)


def test_an_unlock_opens_no_other_link(world: World) -> None:
    """Neither under its own name nor under the other's."""
    one, _ = world.shares.add(BY, "a.example", START, password=PASSWORD)
    other, link = world.shares.add(BY, "b.example", START, password=PASSWORD)
    key = world.shares.unlock(one, PASSWORD, START)
    assert key
    for id_ in (one.id, other.id):
        assert not world.is_granted(share=link, cookie=(f"prisme_unlocked_{id_}", key))
    assert world.shares.is_unlocked(one, key, START)
    assert not world.shares.is_unlocked(other, key, START)


def test_an_unlock_ends_with_its_link(world: World) -> None:
    share, _ = world.shares.add(BY, "a.example", START, password=PASSWORD)
    key = world.shares.unlock(share, PASSWORD, START)
    world.shares.remove(BY, share.id, START)
    assert key
    assert not world.shares.is_unlocked(share, key, START)


def test_what_has_ended_leaves_the_file(world: World) -> None:
    share, _ = world.shares.add(BY, "a.example", START, password=PASSWORD)

    def count_rows(now: int) -> list[int]:
        world.accounts.create_login("ada", now)
        world.browsers.remember("ada", "", now)
        world.shares.unlock(share, PASSWORD, now)
        with world.control.read() as connection:
            tables = ("logins", "browsers", "unlocks")
            return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

    assert count_rows(START) == [1, 1, 1]
    assert count_rows(START + DAY) == [2, 2, 2]
    assert count_rows(START + 2 * KNOWN_SECONDS) == [1, 1, 1]


def test_a_known_browser_has_no_rights(world: World) -> None:
    key = world.browsers.remember("ada", "", START)
    for name in ("prisme_login", "prisme_known_0"):
        assert not world.is_granted(cookie=(name, key))
    assert not world.is_granted(bearer=key)
    assert not world.browsers.is_known("bob", key, START)


def test_a_log_in_extends_a_known_browser(world: World) -> None:
    key = world.browsers.remember("ada", "", START)
    assert world.browsers.remember("ada", key, START + DAY) == key
    assert world.browsers.is_known("ada", key, START + KNOWN_SECONDS)
    assert world.browsers.remember("ada", key, START + DAY + KNOWN_SECONDS) != key
