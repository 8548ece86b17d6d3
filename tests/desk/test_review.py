"""Deciding: approve, reject, undo, several at once, and two people at once."""

import pytest
from playwright.sync_api import expect

from pages import go
from people import until

HELD = 10_000


@pytest.fixture
def creator(service):
    return service.person("creator")


@pytest.fixture
def truth(service):
    """A reviewer beside the page."""
    return service.person("reviewer", "rita")


def test_an_approval_is_held_for_ten_seconds_and_can_be_undone(service, visitors, creator, truth):
    task = creator.generate()
    page = visitors.sign_in(service)
    page.clock.install()
    page.get_by_label("Note").fill("Just the red we wanted")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("All caught up")).to_be_visible()
    page.clock.run_for(HELD - 1000)
    assert truth.task(task)["status"] == "awaiting_approval"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.clock.run_for(2 * HELD)
    assert truth.task(task)["version"] == 3

    page.get_by_role("button", name="Approve", exact=True).click()
    page.clock.run_for(HELD)
    assert truth.until(task, "approved")["approval"]["by"] == "reviewer"


def test_a_decision_survives_a_reload(service, visitors, creator, truth):
    task = creator.generate()
    page = visitors.sign_in(service)
    page.get_by_label("Note").fill("Just the red we wanted")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.reload()
    approval = truth.until(task, "approved")["approval"]
    assert (approval["by"], approval["note"]) == ("reviewer", "Just the red we wanted")


def test_rejecting_needs_a_reason_and_the_next_attempt_keeps_the_earlier_one(service, visitors, creator, truth):
    task = creator.generate(seed=7)
    page = visitors.sign_in(service)
    page.clock.install()
    page.get_by_role("button", name="Reject", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reject", exact=True).click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason", exact=True).fill("   ")
    dialog.get_by_role("button", name="Reject", exact=True).click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason", exact=True).fill("")
    dialog.get_by_role("button", name="Wrong style").click()
    dialog.get_by_role("button", name="Reject", exact=True).click()
    expect(dialog).to_have_count(0)
    page.clock.run_for(HELD)
    assert truth.until(task, "rejected")["attempt"]["rejection"]["note"] == "Wrong style"

    go(page, f"#/task/{task}")
    expect(page.get_by_role("main")).to_contain_text("Wrong style")
    page.get_by_role("link", name="Retry with changes").click()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value("a large red heart on a blue background")
    prompt.fill("a small yellow star on a purple background")
    page.get_by_role("button", name="Try again").click()
    seen = until(lambda: (seen := truth.task(task))["attempt"]["number"] == 2 and seen, "a second attempt")
    assert seen["attempt"]["settings"]["prompt"] == "a small yellow star on a purple background"
    assert seen["earlier_attempts"][0]["rejection"]["note"] == "Wrong style"
    truth.until(task, "awaiting_approval")
    go(page, "#/review")
    page.get_by_text("1 earlier attempt").click()
    expect(page.get_by_label("Attempt 1").get_by_role("img")).to_be_visible()


def test_the_second_of_two_reviewers_is_informed_and_nothing_is_overwritten(service, visitors, creator, truth):
    task = creator.generate(title="The heart")
    first, second = visitors.sign_in(service, name="ada"), visitors.sign_in(service, name="ben")
    for page in (first, second):
        # A decision is unknown to others before it is sent.
        page.clock.install()
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    second.watch.expect("412")
    second.get_by_role("button", name="Reject", exact=True).click()
    dialog = second.get_by_role("dialog")
    dialog.get_by_label("Reason", exact=True).fill("Too red")
    dialog.get_by_role("button", name="Reject", exact=True).click()
    first.get_by_role("button", name="Approve", exact=True).click()
    first.clock.run_for(HELD)
    truth.until(task, "approved")
    second.clock.run_for(HELD)
    notice = second.locator(".notice", has_text="was not rejected")
    expect(notice).to_contain_text("“The heart” was not rejected: ada approved it")
    expect(notice).to_contain_text("Too red")
    assert truth.task(task)["approval"]["by"] == "ada"
    assert [event["change"] for event in truth.history(task)] == ["create", "claim", "finish", "approve"]
    notice.get_by_role("button", name="Close").click()
    expect(notice).to_have_count(0)


def test_a_reviewer_sees_what_another_does(service, visitors, creator, truth):
    task, other = creator.generate(title="First"), creator.generate(title="Second")
    page = visitors.sign_in(service)
    expect(page.get_by_label("Queue").get_by_role("listitem")).to_have_count(2)
    truth.move(other, "approve")
    expect(page.get_by_label("Queue")).not_to_contain_text("Second")
    expect(page.get_by_label("Queue")).to_contain_text("First")
    assert truth.task(task)["status"] == "awaiting_approval"


def test_several_are_approved_at_once(service, visitors, creator, truth):
    tasks = [creator.generate(title=f"Heart {number}") for number in range(3)]
    page = visitors.sign_in(service)
    page.clock.install()
    for number in (0, 2):
        page.get_by_label(f"Select Heart {number}").check()
    page.get_by_role("button", name="Approve 2").click()
    page.clock.run_for(HELD)
    for task in (tasks[0], tasks[2]):
        truth.until(task, "approved")
    assert truth.task(tasks[1])["status"] == "awaiting_approval"
