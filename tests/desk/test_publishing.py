"""Publishing: held and undone like other decisions, several at once, by key, and where everybody sees it afterwards."""

import pytest
from playwright.sync_api import expect

from pages import HELD, go, loaded


@pytest.fixture
def approved(service, truth):
    """Three tasks that are approved, the oldest first."""
    creator = service.person("creator")
    tasks = [creator.generate(title=f"Heart {number}", steps=2) for number in range(3)]
    for task in tasks:
        truth.move(task, "approve")
    return tasks


def publishing(page):
    """Shows what can be published, once its image is there."""
    page.get_by_label("Show").select_option("Approved, not published")
    expect(page.get_by_role("heading", level=1)).to_have_text("Heart 2")
    loaded(page, ".stage img")
    page.clock.install()


def test_it_is_held_and_leads_to_the_next(service, visitors, truth, approved):
    page = visitors.sign_in(service)
    publishing(page)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Published “Heart 2”")
    expect(page.get_by_role("heading", level=1)).to_have_text("Heart 1")
    page.clock.run_for(HELD - 1000)
    assert truth.task(approved[2])["status"] == "approved"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Heart 2")
    page.clock.run_for(2 * HELD)
    assert truth.task(approved[2])["status"] == "approved"
    loaded(page, ".stage img")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", level=1)).to_have_text("Heart 1")
    page.clock.run_for(HELD)
    assert truth.until(approved[2], "published")["publication"]["by"] == "reviewer"
    assert [truth.task(task)["status"] for task in approved[:2]] == ["approved", "approved"]


def test_several_are_published_at_once(service, visitors, truth, approved):
    page = visitors.sign_in(service)
    publishing(page)
    for number in (0, 1):
        page.get_by_label(f"Select Heart {number}").check()
    expect(page.get_by_label("Selection")).to_contain_text("The key B publishes these")
    expect(page.get_by_role("button", name="Publish 2")).to_be_visible()
    loaded(page, ".queue li:last-child img")
    page.keyboard.press("b")
    expect(page.locator(".notice")).to_contain_text("Published 2 tasks")
    page.clock.run_for(HELD)
    for task in approved[:2]:
        truth.until(task, "published")
    assert truth.task(approved[2])["status"] == "approved"


def test_the_public_link_is_shown_and_the_images_are_taken_back_with_a_reason(service, visitors, truth, approved):
    page = visitors.sign_in(service, "reviewer")
    publishing(page)
    page.keyboard.press("b")
    page.clock.run_for(HELD)
    [image] = truth.until(approved[2], "published")["attempt"]["images"]
    address = image["published_url"]
    expect(page.locator(".notice").get_by_role("link", name="open it")).to_have_attribute("href", address)
    go(page, f"#/task/{approved[2]}")
    expect(page.get_by_label("About the task").get_by_role("link", name="image 1")).to_have_attribute("href", address)
    page.get_by_role("button", name="Unpublish").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("The campaign is over")
    page.get_by_role("dialog").get_by_role("button", name="Unpublish").click()
    truth.until(approved[2], "approved")
    last = truth.history(approved[2])[-1]
    assert (last["change"], last["reason"]) == ("unpublish", "The campaign is over")
    expect(page.get_by_label("About the task").get_by_role("link", name="image 1")).to_have_count(0)
