"""Deciding: approve, reject, undo, several at once, and two people at once."""

import pytest
from playwright.sync_api import expect

from pages import HELD, go
from people import until


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


def approve_button(page):
    return page.get_by_role("button", name="Approve", exact=True)


def test_a_key_that_is_held_down_decides_once(service, visitors, creator):
    for number in range(3):
        creator.generate(title=f"Heart {number}")
    page = visitors.sign_in(service)
    expect(approve_button(page)).to_be_enabled()
    for _ in range(5):
        page.keyboard.down("a")
    page.keyboard.up("a")
    expect(page.get_by_label("Queue").get_by_role("listitem")).to_have_count(2)
    expect(page.locator(".notice")).to_have_count(1)


def test_nothing_is_decided_that_was_not_seen(service, visitors, creator, truth):
    task = creator.generate()
    page = visitors.open(service.api)
    page.watch.expect("ERR_FAILED")
    page.route("**/images/**", lambda route: route.abort())
    page.evaluate("token => localStorage.setItem('easel.token', token)", service.token("reviewer", "robin"))
    page.reload()
    expect(page.get_by_text("This image could not be loaded")).to_be_visible()
    expect(approve_button(page)).to_be_disabled()
    page.keyboard.press("a")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    page.unroute("**/images/**")
    page.get_by_role("button", name="Try again").click()
    expect(approve_button(page)).to_be_enabled()
    assert truth.task(task)["status"] == "awaiting_approval"


def test_one_notice_takes_back_the_last_decision_or_all(service, visitors, creator, truth):
    tasks = [creator.generate(title=f"Heart {number}") for number in range(3)]
    page = visitors.sign_in(service)
    page.clock.install()
    for left in (2, 1, 0):
        expect(approve_button(page)).to_be_enabled()
        page.keyboard.press("a")
        expect(page.get_by_label("Queue").get_by_role("listitem")).to_have_count(left)
    notice = page.locator(".notice")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("3 decisions can be undone")
    notice.get_by_role("button", name="Undo", exact=True).click()
    expect(notice).to_contain_text("2 decisions can be undone")
    notice.get_by_role("button", name="Undo all").click()
    expect(notice).to_have_count(0)
    expect(page.get_by_label("Queue").get_by_role("listitem")).to_have_count(3)
    page.clock.run_for(2 * HELD)
    assert {truth.task(task)["status"] for task in tasks} == {"awaiting_approval"}


def test_keys_decide_on_the_selection_where_there_is_one(service, visitors, creator, truth):
    tasks = [creator.generate(title=f"Heart {number}") for number in range(3)]
    page = visitors.sign_in(service)
    page.clock.install()
    expect(approve_button(page)).to_be_enabled()
    for number in (0, 1):
        page.get_by_label(f"Select Heart {number}").check()
    expect(page.get_by_label("Selection")).to_contain_text("The keys A and R decide on these")
    page.keyboard.press("a")
    expect(page.locator(".notice")).to_contain_text("Approved 2 tasks")
    page.clock.run_for(HELD)
    for task in tasks[:2]:
        truth.until(task, "approved")
    assert truth.task(tasks[2])["status"] == "awaiting_approval"


def test_a_note_is_written_and_left_by_keys(service, visitors, creator, truth):
    task = creator.generate()
    page = visitors.sign_in(service)
    page.clock.install()
    expect(approve_button(page)).to_be_enabled()
    page.keyboard.press("n")
    page.keyboard.type("as asked")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Note")).not_to_be_focused()
    page.keyboard.press("n")
    page.keyboard.press("Control+Enter")
    page.clock.run_for(HELD)
    assert truth.until(task, "approved")["approval"]["note"] == "as asked"


def test_some_of_the_images_are_approved(service, visitors, creator, truth):
    task = creator.generate(title="Four hearts", count=4)
    page = visitors.sign_in(service)
    page.clock.install()
    expect(page.get_by_role("button", name="Approve all 4")).to_be_enabled()
    page.keyboard.press("3")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Approve 1 of 4")).to_be_enabled()
    page.get_by_label("Pick image 1").check()
    page.get_by_label("Pick image 2").check()
    page.get_by_label("Pick image 2").uncheck()
    page.get_by_role("button", name="Approve 2 of 4").click()
    expect(page.locator(".notice")).to_contain_text("Approved 2 images of “Four hearts”")
    page.clock.run_for(HELD)
    assert truth.until(task, "approved")["approval"]["images"] == [0, 2]
    truth.move(task, "publish")
    keys = truth.until(task, "published")["publication"]["keys"]
    assert [key.rsplit("-", 1)[1] for key in keys] == ["0.png", "2.png"]


@pytest.mark.parametrize("width, height", [(1280, 720), (1366, 768), (1024, 768), (390, 844)])
@pytest.mark.parametrize("count", [1, 4])
def test_the_decision_is_always_in_sight(service, visitors, creator, width, height, count):
    creator.generate(title="A heart for the cover", count=count)
    page = visitors.sign_in(service, viewport={"width": width, "height": height})
    approve = "Approve" if count == 1 else "Approve all 4"
    expect(page.get_by_role("button", name=approve, exact=True)).to_be_enabled()
    for name in (approve, "Reject"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, (name, box)


def test_full_screen_says_what_is_decided(service, visitors, creator):
    for number in range(2):
        creator.generate(title=f"Heart {number}")
    page = visitors.sign_in(service)
    expect(approve_button(page)).to_be_enabled()
    page.keyboard.press("f")
    expect(page.locator(".panel:fullscreen .asked")).to_contain_text("Heart 1 – a large red heart")
    page.keyboard.press("a")
    expect(page.locator(":fullscreen .notice")).to_contain_text("Approved “Heart 1”")
    expect(page.locator(".panel:fullscreen .asked")).to_contain_text("Heart 0")
    page.locator(":fullscreen .notice").get_by_role("button", name="Undo").click()
    expect(page.locator(".panel:fullscreen .asked")).to_contain_text("Heart 1")


def test_a_reason_that_was_missing_can_be_chosen(service, visitors, creator):
    creator.generate()
    page = visitors.sign_in(service)
    expect(approve_button(page)).to_be_enabled()
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Wrong style").click()
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator(".notice")).to_contain_text("Rejected")
