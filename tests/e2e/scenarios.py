"""Visitors who act by a short scenario, with the script or without, and the visits that are stored of it.

`PV /p R=google` is a pageview with that document referrer, `EV name /p` a custom event, `DL /p` a download and `OUT /p`
an outbound click on that page, `NAP 31m` a pause. Of each visit, in the order in which they began, the entry and exit
page, source, campaign, pageviews and events are compared.
"""

import httpx

from tests.server import CHROME, LiveServer, browser

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SECONDS = {"s": 1, "m": 60, "h": 3600}
REFERRERS = {
    "google": "https://www.google.com/search?q=x",
    "bing": "https://www.bing.com/",
    "stripe": "https://checkout.stripe.com/c/pay/cs_1",
    "paypal": "https://www.paypal.com/checkoutnow",
    "app": "android-app://com.google.android.gm/",
    "blank": "about:blank",
    "file": "file:///home/me/notes.html",
}

# Entry page, exit page, source, campaign's source, pageviews, events.
Visit = tuple[str, str, str, str, int, int]


def one(entry: str, exit_: str, source: str, views: int, events: int = 0, utm: str = "") -> Visit:
    return (entry, exit_, source, utm, views, events)


GOOGLE = "www.google.com"


class Visitor:
    """A visitor of a site, with the script or without (`noscript`)."""

    def __init__(self, server: LiveServer, site: str, way: str, agent: str = CHROME, address: str = "8.8.8.8") -> None:
        self._server = server
        self._home = f"https://{site}"
        self._way = way
        self._who = {"user_agent": agent, "X_Forwarded_For": address}

    def run(self, scenario: str) -> None:
        """Send all events of a scenario, each of which has to be accepted."""
        for step in scenario.split("; "):
            verb, *words = step.split()
            if verb == "NAP":
                self._server.time.move(int(words[0][:-1]) * SECONDS[words[0][-1]])
                continue
            answer = self.act(verb, words)
            assert answer.status_code in (200, 302), (step, answer.headers.get("x-prisme-error"))
            assert "x-prisme-error" not in answer.headers, step

    def act(self, verb: str, words: list[str]) -> httpx.Response:
        referrer = next((word[2:] for word in words if word.startswith("R=")), "")
        referrer = REFERRERS.get(referrer, referrer and self._home + referrer)
        page = self._home + next(word for word in words if word.startswith("/"))
        name = words[0]
        if self._way == "noscript" and verb != "DL":
            return self._get(verb, page, referrer, name)
        match verb:
            case "PV":
                return self._post("pageviews", page, X_Prisme_Document_Referrer=referrer)
            case "EV":
                return self._post(f"custom/{name}", page)
            case "DL":
                return self._post("file-downloads", page, content=f"{self._home}/a.pdf")
            case _:
                return self._post("outbound-links", page, content="https://elsewhere.example/")

    def _post(self, path: str, page: str, content: str = "", **headers: str) -> httpx.Response:
        sent = browser(page, **self._who, **headers)
        return self._server.http.post(EVENTS + path, headers=sent, content=content)

    def _get(self, verb: str, page: str, referrer: str, name: str) -> httpx.Response:
        path = {"PV": "pageviews", "EV": f"custom/{name}", "OUT": "outbound-links"}[verb]
        query = {"referrer": page} | ({"document-referrer": referrer} if referrer else {})
        if verb == "OUT":
            query["url"] = "https://elsewhere.example/"
        headers = {"User-Agent": self._who["user_agent"], "X-Forwarded-For": self._who["X_Forwarded_For"]}
        return self._server.http.get(NOSCRIPT + path, params=query, headers=headers | {"Referer": self._home + "/"})


def visits(server: LiveServer, site: str) -> list[Visit]:
    columns = "entry_path, exit_path, referrer_domain, utm_source, pageviews, events"
    rows = server.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY session_uuid", [site])
    return [(entry, exit_, source, utm, views, events) for entry, exit_, source, utm, views, events in rows]


def assert_whole(server: LiveServer) -> None:
    """Every row is of a visit that is in `sessions` once, and each visit counts its rows."""
    tables = ("pageviews", "events_custom", "file_downloads", "outbound_link_clicks")
    union = " UNION ALL ".join(f"SELECT session_uuid, '{table}' AS kind FROM {table}" for table in tables)
    assert server.rows(f"SELECT count(*) FROM ({union}) ANTI JOIN sessions USING (session_uuid)") == [(0,)]
    wrong = f"""
        SELECT sessions.session_uuid FROM sessions LEFT JOIN (
            SELECT session_uuid, count(*) FILTER (kind = 'pageviews') AS views,
                count(*) FILTER (kind <> 'pageviews') AS events FROM ({union}) GROUP BY session_uuid
        ) AS found USING (session_uuid) WHERE pageviews <> views OR sessions.events <> found.events OR views IS NULL
    """
    assert server.rows(wrong) == []
    assert server.rows("SELECT count(*) - count(DISTINCT session_uuid) FROM sessions") == [(0,)]
    bounces = "SELECT count(*) FROM sessions WHERE is_bounce <> (pageviews <= 1 AND events = 0)"
    assert server.rows(bounces) == [(0,)]
