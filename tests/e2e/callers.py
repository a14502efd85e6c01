"""Callers with every kind of credentials, and a visit for them to see: shared by the tests of access."""

import time
from typing import Any

import httpx

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.access.sharing import Sharing
from prisme.access.sites import SiteList
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.server import LiveServer, browser

SECRET = "secret.example.com"
OTHER = "other.example.com"
PASSWORD = "correct horse battery"
WIDE = {"from": "now-1d", "to": "now+1h", "interval": "hour", "limit": "100"}
BY = operator("test")


class Callers:
    """Callers by their credentials, each as the headers, cookies and parameters that it sends.

    `allowed` may read the statistics of SECRET, `other_domain` are valid but for OTHER alone, and `unauthenticated`
    have no valid credentials.
    """

    def __init__(self, control: Control) -> None:
        now = int(time.time())
        accounts, tokens, shares = Accounts(control), Tokens(control), Shares(control)
        self.accounts, self.tokens, self.shares = accounts, tokens, shares
        accounts.add(BY, "ada", "admin", (), PASSWORD, now)
        accounts.add(BY, "eve", "viewer", (OTHER,), PASSWORD, now)
        accounts.add(BY, "bob", "viewer", (SECRET,), PASSWORD, now)
        self.admin = self.cookie("ada")
        self.allowed = {
            "admin": self.admin,
            "viewer": self.cookie("bob"),
            "token": self.bearer(tokens.add(BY, "t", now)[1]),
            "token of the domain": self.bearer(tokens.add(BY, "t", now, domains=(SECRET,))[1]),
            "share link": {"params": {"share": shares.add(BY, SECRET, now)[1]}},
            "share link as token": self.bearer(shares.add(BY, SECRET, now)[1]),
        }
        sites = SiteList(control, (), ())
        sites.add(BY, OTHER, now)
        Sharing(control, sites).switch(BY, OTHER, "public", True, now)
        eve = accounts.find_login(self.cookie("eve")["cookies"]["prisme_login"], now)
        assert eve
        self.other_domain = {
            "viewer": self.cookie("eve"),
            "token": self.bearer(tokens.add(BY, "t", now, domains=(OTHER,))[1]),
            "token of a viewer": self.bearer(tokens.add(eve.grant, "t", now)[1]),
            "share link": {"params": {"share": shares.add(BY, OTHER, now)[1]}},
            "share link as token": self.bearer(shares.add(BY, OTHER, now)[1]),
            "public page over a log-in": {"params": {"public": OTHER}, **self.admin},
            "share link over a log-in": {"params": {"share": shares.add(BY, OTHER, now)[1]}, **self.admin},
        }
        past, soon = now - 100, now - 50
        removed, key = tokens.add(BY, "t", now)
        tokens.remove(BY, removed.id, now)
        lost, lost_key = shares.add(BY, SECRET, now)
        shares.remove(BY, lost.id, now)
        locked = shares.add(BY, SECRET, now, password=PASSWORD)[1]
        self.unauthenticated: dict[str, Any] = {
            "stranger": {},
            "expired token": self.bearer(tokens.add(BY, "t", past, expires=soon)[1]),
            "removed token": self.bearer(key),
            "expired share link": {"params": {"share": shares.add(BY, SECRET, past, expires=soon)[1]}},
            "removed share link": {"params": {"share": lost_key}},
            "locked share link": {"params": {"share": locked}},
            "locked share link as token": self.bearer(locked),
            "locked share link, with a key of one's own": {
                "params": {"share": locked},
                "cookies": {f"prisme_unlocked_{number}": "x" for number in range(20)},
            },
            "garbage": self.bearer("garbage"),
            "basic": {"headers": {"Authorization": "Basic YWRhOmFkYQ=="}},
            "wrong token over a log-in": {**self.bearer("prtok_x"), **self.admin},
            "invented cookie": {"cookies": {"prisme_login": "ada"}},
        }

    def cookie(self, name: str) -> dict[str, Any]:
        return {"cookies": {"prisme_login": self.accounts.create_login(name, int(time.time()))}}

    @staticmethod
    def bearer(key: str) -> dict[str, Any]:
        return {"headers": {"Authorization": f"Bearer {key}"}}


def send_visit(server: LiveServer) -> None:
    """Send a visit with an event of every kind to the domain SECRET."""
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    utm = "utm_source=lettre&utm_medium=lettre&utm_campaign=lettre&utm_term=lettre&utm_content=lettre"
    page = f"https://{SECRET}/unseen?{utm}"
    came = {"X_Prisme_Document_Referrer": "https://secretive.example.org/", "X_Prisme_Status": "418"}
    events = {
        "pageviews": b"",
        "custom/unseen": b'{"unseen": "unseen"}',
        "file-downloads": f"https://{SECRET}/unseen".encode(),
        "outbound-links": b"https://secretive.example.org/",
    }
    for kind, body in events.items():
        headers = {**browser(page, user_agent=firefox, **came), "Content-Type": "application/json"}
        assert server.http.post(f"/api/v1/events/{kind}", headers=headers, content=body).status_code == 200
    server.settle()


def call(server: LiveServer, method: str, path: str, who: dict[str, Any], **more: Any) -> httpx.Response:
    """Send a request with the credentials of `who`."""
    params = {**who.get("params", {}), **more.pop("params", {})}
    headers = {**who.get("headers", {}), **more.pop("headers", {})}
    with httpx.Client(base_url=server.url, cookies=who.get("cookies"), timeout=20, verify=False) as client:
        return client.request(method, path, params=params or None, headers=headers, **more)


def sum_figures(value: Any) -> float:
    """The sum of all figures in a JSON response."""
    if isinstance(value, dict):
        labels = {"from", "to", "keys", "interval", "tz", "domain", "goal", "funnel", "site"}
        return sum(sum_figures(one) for name, one in value.items() if name not in labels)
    return sum(map(sum_figures, value)) if isinstance(value, list) else float(value or 0)
