"""Accessibility: axe-core's rules for WCAG 2.2 AA on every page, and the keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pages import go

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def findings(page):
    """What axe-core finds, a line each, once the page is there."""
    page.locator("h1").first.wait_for(state="attached")
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(service, visitors, scheme, size):
    creator, reviewer = service.person("creator", "robin"), service.person("reviewer", "rita")
    task = creator.generate(title="The heart", tags=["hearts"], count=2)
    flaws = [{"image": 0, "x": 0.25, "y": 0.25, "note": "here"}]
    reviewer.move(task, "reject", reason="Too red", regions=flaws, notes=[{"image": 1, "note": "Better"}])
    creator.move(task, "retry", seed=2)
    creator.until(task, "awaiting_approval")
    place = {"x": 0.5, "y": 0.5, "width": 0.25, "height": 0.25}
    reviewer.post(f"/v1/tasks/{task}/comments", {"text": "@robin, look here", "image": 0, "region": place})
    reviewer.call("PUT", f"/v1/tasks/{task}/reviewer")
    reviewer.move(creator.generate(title="Approved"), "approve", note="Well done")
    reviewer.move(creator.generate(title="Cancelled"), "cancel", reason="Not needed")
    favourite = {"task": task, "attempt": 2, "image": 0}
    service.person("admin", "robin").call("PATCH", "/v1/collections/favourites", {"add": [favourite]})
    options = {"color_scheme": scheme, "viewport": size}
    signed_out = visitors.open(service.api, **options)
    expect(signed_out.get_by_role("heading", name="Sign in")).to_be_visible()
    wrong = {"#/sign-in": findings(signed_out)}
    page = visitors.sign_in(service, "admin", "robin", **options)
    for place, there in {
        "#/review": page.get_by_role("button", name="Approve all 2"),
        "#/create": page.get_by_label("Your recent images").get_by_role("article").first,
        "#/library": page.get_by_label("Tasks").get_by_role("link").first,
        "#/mentions": page.get_by_text("look here"),
        "#/collections": page.get_by_role("link", name="Favourites"),
        "#/collections/favourites": page.get_by_role("list", name="Images").get_by_role("link"),
        "#/queue": page.get_by_role("button", name="Pause all"),
        "#/system": page.get_by_text("Nothing at the moment."),
        "#/tokens": page.get_by_text("this session"),
        f"#/task/{task}": page.get_by_text("requested it"),
    }.items():
        go(page, place)
        expect(there).to_be_visible()
        wrong[place] = findings(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{place} is too wide"
    go(page, "#/review")
    for name in ("Keyboard shortcuts", "Reject"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        wrong[name] = findings(page)
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Approve all 2").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    wrong["a decision"] = findings(page)
    assert not any(wrong.values()), "\n".join(f"{place}: {line}" for place, lines in wrong.items() for line in lines)


def focused(page):
    """The name of what has the focus."""
    return page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.innerText")


def tab_to(page, name, backwards=False):
    """Presses Tab up to what has this name; the focus has to be visible there."""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if focused(page).strip() == name:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'"), (
                f"the focus on {name} cannot be seen"
            )
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_the_whole_approval_by_tab_and_enter(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    first, second = creator.generate(title="First"), creator.generate(title="Second")
    page = visitors.sign_in(service, at="#/library")
    page.clock.install()
    expect(page.get_by_role("link", name="Review, 2 waiting")).to_be_visible()
    tab_to(page, "Review, 2 waiting")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="First")).to_be_visible()
    tab_to(page, "Approve")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    tab_to(page, "Reject")
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason", exact=True)).to_be_focused()
    page.keyboard.type("Too red")
    tab_to(page, "Reject")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    page.clock.run_for(10_000)
    assert reviewer.until(first, "approved")["approval"]["by"] == "reviewer"
    assert reviewer.until(second, "rejected")["attempt"]["rejection"]["note"] == "Too red"


def test_the_whole_approval_by_single_keys(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    tasks = [creator.generate(title=title, count=2) for title in ("First", "Second", "Third")]
    page = visitors.sign_in(service)
    page.clock.install()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Third")
    page.keyboard.press("j")
    expect(heading).to_have_text("Second")
    page.keyboard.press("k")
    expect(heading).to_have_text("Third")
    page.keyboard.press("2")
    expect(page.get_by_label("Candidates").get_by_role("button").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("c")
    expect(page.get_by_label("Images", exact=True).get_by_role("img")).to_have_count(2)
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Actual size")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Approve all 2")).to_be_enabled()
    page.keyboard.press("a")
    expect(heading).to_have_text("Second")
    page.keyboard.press("u")
    expect(heading).to_have_text("Third")
    expect(page.get_by_role("button", name="Approve all 2")).to_be_enabled()
    page.keyboard.press("a")
    expect(heading).to_have_text("Second")
    expect(page.get_by_role("button", name="Approve all 2")).to_be_enabled()
    page.keyboard.press("r")
    page.get_by_label("Reason", exact=True).wait_for()
    # In a field, letters are letters.
    page.keyboard.type("area")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.clock.run_for(10_000)
    reviewer.until(tasks[1], "rejected")
    assert [reviewer.task(task)["status"] for task in tasks] == ["awaiting_approval", "rejected", "approved"]
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_label("Enable single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
