"""The console in a real browser, over a real daemon, the embedded agent and the demo shop: pages, orders, six tasks.

With `CONSOLE_SHOTS=folder` a picture of every page is kept there.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from monitor.embedded import chromium
from tests.web.theatre import PATIENCE, Theatre, theatre

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PAGES = (
    "/",
    "/watches/espresso-machine",
    "/watches/lost?show=failures",
    "/incidents",
    "/outbox",
    "/spending",
    "/settings",
    "/watches/espresso-machine/backtest?when=new.price+%3C+450",
    "/watches/grinders/noise",
    "/login",
    "/nothing-here",
)
expect.set_options(timeout=PATIENCE * 1_000)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A daemon with a little history: a change, a failing watch, a headline that tries to be more than text."""
    with theatre(tmp_path_factory.mktemp("console") / "workspace") as found:
        found.until(lambda: "BASELINE" in found.history("espresso-machine"), "the first result")
        found.shop.set_price(449.0)
        found.until(lambda: "CHANGED" in found.history("espresso-machine"), "the change")
        found.until(lambda: "BASELINE" in found.history("news"), "the headlines")
        found.until(lambda: found.history("lost").count("FAILED") >= 2, "the failures")
        found.until(lambda: any(b"449" in body for body in found.taken), "the alert")
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The headless browser."""
    assert chromium.missing() is None, f"these tests need a browser: {chromium.missing()}"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium.executable(os.environ), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, stage: Theatre) -> Iterator[Page]:
    """A page that may say nothing on its console; what does not exist is asked for by a test that says so."""
    context = browser.new_context(base_url=stage.base, viewport={"width": 1280, "height": 900})
    opened, said = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    yield opened
    context.close()
    assert [text for text in said if "404 (Not Found)" not in text] == []


def violations(page: Page, addresses: Sequence[str], only: Sequence[str] = ()) -> dict[str, list[str]]:
    """What axe-core finds on some pages, and on that of a run."""
    page.goto("/")
    run = page.locator("#latest a[href^='/runs/']").first.get_attribute("href")
    found: dict[str, list[str]] = {}
    for address in (*addresses, str(run)):
        page.goto(address)
        for each in Axe().run(page, options={"runOnly": only} if only else None).response["violations"]:
            found[f"{address} {each['id']}"] = [node["html"] for node in each["nodes"]][:3]
    return found


def test_a_screen_reader_finds_nothing_to_complain_of(page: Page) -> None:
    assert violations(page, [address for address in PAGES if address != "/nothing-here"]) == {}


def test_nothing_is_hard_to_read_in_the_dark(browser: Browser, stage: Theatre) -> None:
    context = browser.new_context(base_url=stage.base, color_scheme="dark")
    shown = ("/", "/watches/lost?show=failures", "/spending")
    found = violations(context.new_page(), shown, ["color-contrast", "link-in-text-block"])
    context.close()
    assert found == {}


WIDER = """() => Math.max(document.documentElement.scrollWidth - window.innerWidth,
    ...[...document.querySelectorAll(".wide, .side, main > section")].map((it) => it.scrollWidth - it.clientWidth))"""


@pytest.mark.parametrize("width", [360, 1000, 1400, 2560])
def test_every_page_fits_narrow_and_wide(browser: Browser, stage: Theatre, width: int) -> None:
    context = browser.new_context(base_url=stage.base, viewport={"width": width, "height": 900})
    page = context.new_page()
    wider = {}
    for address in PAGES:
        page.goto(address)
        if "data-series" in page.content():
            expect(page.locator(".uplot").first).to_be_visible()  # it is drawn as wide as there is room
        wider[address] = page.evaluate(WIDER)
        if folder := os.environ.get("CONSOLE_SHOTS"):
            name = re.sub(r"\W+", "-", address).strip("-") or "overview"
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    context.close()
    assert {address: by for address, by in wider.items() if by > 0} == {}


def test_every_page_works_without_scripts_too(browser: Browser, stage: Theatre) -> None:
    context = browser.new_context(base_url=stage.base, java_script_enabled=False)
    page = context.new_page()
    page.goto("/watches/grinders")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#told")).to_contain_text("grinders")
    assert page.url == f"{stage.base}/watches/grinders"
    page.reload()
    expect(page.locator("#told")).to_be_empty()
    page.goto("/?q=espresso&sort=name")
    expect(page.locator(".watches tbody tr")).to_have_count(1)
    context.close()


def test_scripts_are_small_and_from_here(page: Page, stage: Theatre) -> None:
    taken: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: taken.update(
            {answer.url: len(answer.body())} if answer.request.resource_type == "script" else {}
        ),
    )
    elsewhere: list[str] = []
    page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(stage.base) else None)
    page.goto("/watches/espresso-machine")
    expect(page.locator(".uplot")).to_have_count(1)
    assert elsewhere == []
    sent = {url: page.request.get(url).body() for url in taken}
    assert sum(len(zlib.compress(body)) for body in sent.values()) < 100_000


# The six tasks of issue 7, each in at most three clicks from the overview.


def test_task_one_what_changed_last_and_how(page: Page) -> None:
    page.goto("/")
    latest = page.locator("#latest li").filter(has_text="espresso-machine").first
    expect(latest).to_contain_text("price")
    expect(latest.locator("del").first).to_have_text("499")
    expect(latest.locator("ins").first).to_have_text("449")


def test_task_two_why_does_this_watch_fail_and_since_when(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="lost", exact=True).first.click()
    banner = page.locator("#standing .banner.bad")
    expect(banner).to_contain_text("Failing since")
    expect(banner).to_contain_text("404")
    banner.get_by_role("link", name="See the last run").click()
    expect(page.locator("h1")).to_contain_text("lost")


def test_task_three_find_the_noisiest_watch_and_silence_it_for_a_day(page: Page, stage: Theatre) -> None:
    page.goto("/")
    page.get_by_label("Sort by").select_option("noise")
    first = page.locator(".watches tbody tr").first
    expect(page).to_have_url(re.compile("sort=noise"))
    expect(first).to_contain_text("espresso-machine")
    first.get_by_label("Pause espresso-machine", exact=True).click()
    first.get_by_role("button", name="for a day").click()
    expect(page.locator("#told")).to_contain_text("paused until")
    expect(page.locator(".watches tbody tr").filter(has_text="espresso-machine").locator(".state")).to_contain_text(
        "paused"
    )
    page.goto("/watches/espresso-machine")
    expect(page.locator("#standing")).to_contain_text("Paused until")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#told")).to_contain_text("resumed")
    expect(page.locator("#standing")).not_to_contain_text("Paused until")
    page.goto("/settings")
    expect(page.locator("#orders")).to_contain_text("pause")


def test_task_four_what_was_spent_today_and_what_will_the_month_cost(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Spending").click()
    tiles = page.locator(".tile")
    expect(tiles.nth(0)).to_contain_text("today")
    expect(tiles.nth(2)).to_contain_text("forecast for the month")
    expect(page.get_by_role("row").filter(has_text="espresso-machine")).to_be_visible()


def test_task_five_was_that_alert_delivered_to_whom_and_when(page: Page) -> None:
    page.goto("/")
    page.locator("#latest li").filter(has_text="espresso-machine").first.get_by_role("link", name="see the run").click()
    told = page.locator("section").filter(has=page.get_by_role("heading", name="Who was told"))
    expect(told).to_contain_text("delivered")
    expect(told).to_contain_text("inbox")
    expect(told.locator("time").first).to_have_attribute("title", re.compile("UTC"))


def test_task_six_what_would_a_condition_have_told(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="espresso-machine", exact=True).first.click()
    page.get_by_label("Tell only when").fill("new.price < 100")
    page.get_by_role("button", name="Backtest 30 days").click()
    expect(page.locator("#report")).to_contain_text("would have been told")
    page.locator("#when").fill("price <")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#report .banner")).to_contain_text("when")
    page.locator("#when").fill("new.price < 450")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#report")).to_contain_text("price 499 -> 449")


def test_a_run_is_seen_while_it_goes_on_and_when_it_has_ended(page: Page, stage: Theatre) -> None:
    page.goto("/")
    expect(page.locator("#live")).to_contain_text("live")
    before = len(stage.history("grinders"))
    page.get_by_role("button", name="Run grinders now").click()
    expect(page.locator("#told")).to_contain_text("grinders")
    expect(page.locator("#said")).not_to_be_empty()  # what ended is said to a screen reader
    stage.until(lambda: len(stage.history("grinders")) > before, "the run that was ordered")


def test_what_changes_appears_without_a_reload(page: Page, stage: Theatre) -> None:
    page.goto("/")
    stage.shop.set_offer("Kaffeewerk", price=150.0)
    expect(page.locator("#latest li").first).to_contain_text("150")


def test_hostile_text_is_text(page: Page, stage: Theatre) -> None:
    page.goto("/watches/news?show=all")
    page.locator(".timeline .moment").last.click()
    shown = page.locator("pre").first
    expect(shown).to_contain_text("<script>document.title='owned'</script>")
    assert "\u202e" not in page.content()
    assert "owned" not in page.title()
    assert page.locator("img").count() == 0


def test_a_chart_is_drawn_and_can_be_zoomed(page: Page) -> None:
    page.goto("/watches/espresso-machine")
    over = page.locator(".u-over").first
    expect(over).to_be_visible()
    over.hover(position={"x": 200, "y": 40})
    expect(page.locator(".u-legend .u-value").last).not_to_have_text("–")


def test_messages_can_be_looked_for_and_a_test_be_sent(page: Page, stage: Theatre) -> None:
    page.goto("/outbox?watch=espresso-machine")
    expect(page.locator(".letters tbody tr").first).to_contain_text("espresso-machine")
    sent = len(stage.taken)
    page.get_by_role("button", name="Send a test to inbox").click()
    expect(page.locator("#told")).to_contain_text("was taken")
    stage.until(lambda: len(stage.taken) > sent, "the test message")


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    page.goto("/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between dark and light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_keyboard_gets_everywhere(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    menu = page.get_by_label("Pause grinders", exact=True)
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="for an hour").last).to_be_visible()
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("where", ["/", "/watches/espresso-machine"])
def test_a_menu_opens_inside_the_window(page: Page, width: int, where: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(where)
    page.get_by_label("Pause espresso-machine", exact=True).first.click()
    buttons = page.locator("details.menu[open] button")
    expect(buttons).to_have_count(4)
    for each in buttons.all():
        box = each.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


FRESH = "document.body.dispatchEvent(new CustomEvent('monitor:fresh'))"


def test_an_open_menu_and_the_focus_stay_until_they_are_left(page: Page) -> None:
    page.goto("/")
    page.evaluate("document.getElementById('board').dataset.first = 'yes'")
    first = page.locator("#board[data-first]")
    menu = page.get_by_label("Pause grinders", exact=True)
    menu.click()
    with page.expect_response(re.compile(r"/$")):  # the part beside it is fetched
        page.evaluate(FRESH)
    expect(page.locator("details.menu[open]")).to_have_count(1)
    page.keyboard.press("Escape")  # closed; the keyboard is still there
    page.evaluate(FRESH)
    expect(menu).to_be_focused()
    expect(first).to_have_count(1)
    page.evaluate("document.activeElement.blur()")
    expect(first).to_have_count(0)


def test_a_watch_that_is_looked_at_shows_what_happens_to_it(page: Page) -> None:
    page.goto("/watches/espresso-machine?show=all")
    newest = str(page.locator(".timeline .moment").first.get_attribute("href"))
    coming = page.locator("section[aria-labelledby=coming-title] time").first
    due = str(coming.get_attribute("datetime"))
    expect(page.locator(".timeline .moment").first).not_to_have_attribute("href", newest)
    expect(coming).not_to_have_attribute("datetime", due)
    expect(page.locator(".uplot")).to_have_count(1)


def test_a_file_that_breaks_is_told_on_the_settings_page(page: Page, stage: Theatre) -> None:
    broken: Path = stage.folder / "watches" / "half.yaml"
    broken.write_text("url: http://demo.localhost/news\ngaol: a typing error\n")
    try:

        def told() -> bool:
            page.goto("/settings")
            return page.locator("#problems").count() > 0

        stage.until(told, "the problem of the file")
        expect(page.locator("#problems")).to_contain_text("half.yaml")
        expect(page.get_by_role("navigation").first).to_contain_text("problems of files")
    finally:
        broken.unlink()
