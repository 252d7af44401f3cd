"""The admin page as a person uses it, in a real Chromium over a real gateway. One browser, gone through in order."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.admin.chromium import CHROMIUM, KEY, MISSING, ask, chromium, gateway

HOSTILE = '<img src=x onerror="window.hurt=1">'
LONG = "Tell me about gateways. " * 6  # more than the narrow backend holds
WRONG_KEY = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    with gateway(tmp_path) as process, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.set_default_timeout(15_000)
        expect.set_options(timeout=15_000)
        told, asked = list[str](), set[str]()
        page.on("console", lambda message: told.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.goto(f"{process.url}/ui")
        a_wrong_key_is_refused(page)
        assert told == [WRONG_KEY]
        for step in STEPS:
            step(page, process.url)
        assert told == [WRONG_KEY]
        assert asked == {process.url.split("/")[2]}, "everything comes from the gateway itself"


def remember(page: Page, *ids: str) -> None:
    """From now on keep in `window.seen` every text that these elements have had."""
    page.evaluate(
        """(ids) => {
            window.seen = {};
            for (const id of ids) {
                const kept = (window.seen[id] = []), element = document.getElementById(id);
                const watch = () => kept.push(element.textContent);
                new MutationObserver(watch).observe(element, { childList: true, subtree: true, characterData: true });
            }
        }""",
        list(ids),
    )


def a_wrong_key_is_refused(page: Page) -> None:
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This is not the admin key.")
    expect(page.locator("#house")).to_be_hidden()


def the_key_lets_in_and_stays_in_the_tab(page: Page, url: str) -> None:
    nothing_is_in_the_way(page)
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Backends")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Live, 1 worker")
    kept = page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
    assert kept == [[KEY], [], ""]
    expect(page.locator("#no-requests")).to_be_visible()


def requests_appear_with_their_way(page: Page, url: str) -> None:
    remember(page, "backends", "said", "answer")
    assert ask(url, "claude-x", LONG) == 200
    row = page.locator("#requests tr", has_text="claude-x")
    expect(row).to_contain_text("ann")
    assert row.locator(".chip").all_inner_texts() == ["shaky ✕", "steady"]
    row.get_by_role("button").focus()
    page.keyboard.press("Enter")
    more = page.locator("#requests tr.more")
    expect(more).to_contain_text("shaky, then steady")
    expect(more).to_contain_text("RateLimited after")
    expect(more).to_contain_text("Not narrow")


def a_cooldown_is_seen_and_ends(page: Page, url: str) -> None:
    shaky = page.locator("#backends tr", has_text="shaky")
    expect(page.locator("#news")).to_contain_text("shaky rests for 3 s: rate_limit")
    expect(shaky.locator(".pill")).to_have_text("up")
    expect(shaky.locator(".note")).to_be_empty()
    seen = page.evaluate("window.seen")  # by now it may be over
    assert any("resting" in text and "rate_limit: rests" in text for text in seen["backends"])
    assert [text for text in seen["said"] if text.startswith("shaky")] == ["shaky rests: rate_limit", "shaky is up"]


def windows_are_bars(page: Page, url: str) -> None:
    meter = page.locator("#backends tr", has_text="steady").get_by_role("meter").first
    expect(meter).to_have_attribute("aria-valuetext", "1 of 60 / hour")


def hostile_names_are_text(page: Page, url: str) -> None:
    assert ask(url, HOSTILE) == 200
    expect(page.locator("#requests")).to_contain_text(HOSTILE)
    page.locator("#filter").fill("onerror")
    expect(page.locator("#requests tr:not(.more)")).to_have_count(1)
    page.locator("#filter").fill("")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hurt") is None


def failures_are_seen(page: Page, url: str) -> None:
    assert ask(url, "m", key="nobody's") == 401
    page.get_by_label("Failures only").check()
    expect(page.locator("#requests")).to_contain_text("401 WrongKey")
    expect(page.locator("#requests")).not_to_contain_text(HOSTILE)
    page.get_by_label("Failures only").uncheck()
    expect(page.locator("#clients tr", has_text="ann")).to_contain_text("2")


def a_held_list_does_not_move(page: Page, url: str) -> None:
    page.get_by_role("button", name="Hold").click()
    assert ask(url, "while-held", key="k-bob") == 200
    expect(page.locator("#clients")).to_contain_text("bob")
    expect(page.locator("#requests")).not_to_contain_text("while-held")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("#requests")).to_contain_text("while-held")


def charts_have_their_numbers_in_words(page: Page, url: str) -> None:
    chart = page.get_by_role("img", name="Requests, last hour: 4, 1 error")
    expect(chart).to_be_visible()
    assert chart.locator("canvas").count() == 1
    page.get_by_text("Numbers of Requests").click()
    expect(page.get_by_role("group", name="Requests, numbers").locator("tbody tr").first).to_contain_text(":")
    page.get_by_text("Day", exact=True).click()
    expect(page.get_by_role("img", name="Requests, last day: 4, 1 error")).to_be_visible()


def the_keyboard_reaches_everything(page: Page, url: str) -> None:
    page.locator("#main").focus()
    page.keyboard.press("Shift+Tab")
    reached = list[str]()
    for _ in range(60):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(() => { const e = document.activeElement; return [e.id, getComputedStyle(e).outlineStyle, e.type] })()"
        )
        reached.append(at[0])
        assert at[1] != "none" or at[0] == "main", f"one sees where the focus is: {at}"
        if at[0] == "explain":
            break
    wanted = ["filter", "failed", "hold", "model", "prompt", "stream", "send", "explain"]
    assert [name for name in reached if name in wanted] == wanted


def a_try_is_answered_as_it_arrives(page: Page, url: str) -> None:
    page.get_by_label("Model", exact=True).fill("any-model")
    page.get_by_label("Prompt").fill(LONG)
    page.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("The answer is complete.")
    expect(page.locator("#answer")).to_have_text(LONG.strip())
    assert len({text for text in page.evaluate("window.seen.answer") if LONG.startswith(text)}) > 5
    for name, said in {"Backend": "steady", "Attempts": "1", "Request": "req_", "Took": "s", "Tokens": "in,"}.items():
        expect(page.locator("#route div", has=page.get_by_text(name, exact=True)).locator("dd")).to_contain_text(said)
    expect(page.locator("#requests tr", has_text="any-model")).to_contain_text("admin")


def a_try_is_explained(page: Page, url: str) -> None:
    page.get_by_role("button", name="Explain").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("The request is explained.")
    refused = page.locator("#answer table")
    expect(refused.locator("tr", has_text="narrow")).to_contain_text("20")
    expect(refused.locator("tr", has_text="shaky")).to_be_visible()
    expect(page.locator("#answer pre")).to_contain_text('"content": "Tell me about gateways.')


def everybody_can_use_it_in_both_themes(page: Page, url: str) -> None:
    nothing_is_in_the_way(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    nothing_is_in_the_way(page)
    page.set_viewport_size({"width": 390, "height": 844})
    nothing_is_in_the_way(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone need not scroll sideways"


def nothing_is_in_the_way(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def the_theme_and_the_key_outlive_a_reload(page: Page, url: str) -> None:
    page.reload()
    expect(page.get_by_role("heading", name="Backends")).to_be_visible()
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()


def who_signs_out_leaves_nothing(page: Page, url: str) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#house")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0


STEPS: tuple[Callable[[Page, str], None], ...] = (
    the_key_lets_in_and_stays_in_the_tab,
    requests_appear_with_their_way,
    a_cooldown_is_seen_and_ends,
    windows_are_bars,
    hostile_names_are_text,
    failures_are_seen,
    a_held_list_does_not_move,
    charts_have_their_numbers_in_words,
    the_keyboard_reaches_everything,
    a_try_is_answered_as_it_arrives,
    a_try_is_explained,
    everybody_can_use_it_in_both_themes,
    the_theme_and_the_key_outlive_a_reload,
    who_signs_out_leaves_nothing,
)
