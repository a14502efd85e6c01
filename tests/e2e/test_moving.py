"""docs/moving.md: the code that keeps the calls and attributes of other counters works."""

import re

from playwright.sync_api import Page

from tests.checkout import ROOT
from tests.e2e.script import answered, visit
from tests.server import LiveServer

PAGE = (ROOT / "docs" / "moving.md").read_text()


def events(prisme: LiveServer, host: str) -> list[tuple[str, str]]:
    return [
        (str(name), str(told))
        for name, told in prisme.rows(
            "SELECT name, properties FROM events_custom WHERE domain = ? ORDER BY timestamp", [host]
        )
    ]


def test_calls_of_plausible_are_kept(prisme: LiveServer, host: str, page: Page) -> None:
    (code,) = re.findall(r"^<script>\n(window\.plausible.*?)</script>$", PAGE, re.DOTALL | re.MULTILINE)
    visit(page, f"http://{host}/plain/")
    page.evaluate(f"{code}\nnull")  # Playwright would call the function that an expression gives.
    for call in ("plausible('Signup', { props: { plan: 'pro' } })", "plausible('Signup')"):
        with answered(page, "Signup"):
            page.evaluate(call)
    assert events(prisme, host) == [("Signup", '{"plan":"pro"}'), ("Signup", "{}")]


def test_attributes_of_umami_are_read(prisme: LiveServer, host: str, page: Page) -> None:
    (code,) = re.findall(r"^```js\n(document\.addEventListener.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    visit(page, f"http://{host}/plain/")
    page.evaluate(code)
    page.evaluate(
        "document.body.innerHTML = `<button data-umami-event='sign up' data-umami-event-plan='pro'><b>Go</b></button>`"
    )
    with answered(page, "sign%20up"):
        page.click("b")
    assert events(prisme, host) == [("sign up", '{"plan":"pro"}')]


def test_attributes_exist() -> None:
    """Those of Prisme, in the right column of each table, are explained with the script."""
    explained = re.findall(r"^\| `(data-[a-z-]+)", (ROOT / "docs" / "tracking-script.md").read_text(), re.MULTILINE)
    told = [
        cell for row in re.findall(r"^\|.*\| (.*) \|$", PAGE, re.MULTILINE) for cell in re.findall(r"data-[a-z-]+", row)
    ]
    assert set(told) - {"data-files", "data-include"} <= set(explained)  # A page, and what Prisme does not have.
    assert len(set(told)) > 8
