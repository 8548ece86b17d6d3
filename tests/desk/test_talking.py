"""Second thoughts, flaws in images, comments, who reviews what, and approvals of two."""

from playwright.sync_api import expect

from pages import HELD, go, loaded
from people import until
from service import Service


def approve_button(page):
    return page.get_by_role("button", name="Approve", exact=True)


def drag(page, start, end):
    """Drags over the image in view, between two places in fractions of it; it is square."""
    box = page.locator(".marks.drawing").bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    page.mouse.move(left + start[0] * side, top + start[1] * side)
    page.mouse.down()
    page.mouse.move(left + end[0] * side, top + end[1] * side, steps=4)
    page.mouse.up()


def test_what_was_sent_is_taken_back_with_a_reason(service, visitors, creator, truth):
    task = creator.generate(title="The heart")
    page = visitors.sign_in(service)
    page.clock.install()
    expect(approve_button(page)).to_be_enabled()
    page.keyboard.press("a")
    page.clock.run_for(HELD)
    truth.until(task, "approved")
    notice = page.locator(".notice", has_text="Approved “The heart”: sent.")
    notice.get_by_role("button", name="Take back").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("I meant the other one")
    dialog.get_by_role("button", name="Take back").click()
    truth.until(task, "awaiting_approval")
    last = truth.history(task)[-1]
    assert (last["change"], last["by"]["name"], last["reason"]) == ("reopen", "reviewer", "I meant the other one")
    page.clock.run_for(2000)
    expect(approve_button(page)).to_be_enabled()


def test_a_deleted_task_is_restored_on_its_page(service, visitors, creator, truth):
    task = creator.generate()
    creator.call("DELETE", f"/v1/tasks/{task}")
    page = visitors.sign_in(service, "creator", at=f"#/task/{task}")
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("A slip")
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    truth.until(task, "awaiting_approval")
    expect(page.get_by_text("reopened it")).to_be_visible()


def test_flaws_are_marked_and_the_next_attempt_shows_them(service, visitors, creator, truth):
    task = creator.generate(title="A hand", count=2)
    page = visitors.sign_in(service)
    page.clock.install()
    expect(page.get_by_role("button", name="Approve all 2")).to_be_enabled()
    page.keyboard.press("m")
    drag(page, (0.25, 0.25), (0.5, 0.75))
    page.get_by_role("dialog").get_by_label("Note (optional)").fill("six fingers")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".mark rect")).to_have_count(1)
    page.keyboard.press("m")
    for key in ("ArrowRight", "ArrowRight", "Enter", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("dialog").get_by_role("button", name="Mark it").click()
    expect(page.locator(".mark circle")).to_have_count(1)
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    expect(page.locator(".marks.drawing")).to_have_count(0)
    page.get_by_role("button", name="Note to image").click()
    page.get_by_role("dialog").get_by_label("Note", exact=True).fill("too dark")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("r")
    page.get_by_role("dialog").get_by_role("button", name="Visual defects").click()
    page.keyboard.press("Control+Enter")
    page.clock.run_for(HELD)
    rejection = truth.until(task, "rejected")["attempt"]["rejection"]
    box, point = rejection["regions"]
    assert (box["image"], box["note"]) == (0, "six fingers")
    for name, value in {"x": 0.25, "y": 0.25, "width": 0.25, "height": 0.5}.items():
        assert abs(box[name] - value) < 0.02, box
    assert point == {"image": 0, "x": 0.54, "y": 0.5}
    assert rejection["notes"] == [{"image": 0, "note": "too dark"}]

    artist = visitors.sign_in(service, "creator", at=f"#/create/{task}")
    expect(artist.get_by_label("Said of images")).to_contain_text("six fingers")
    expect(artist.locator(".marked .mark")).to_have_count(2)


def test_people_talk_about_a_place_in_an_image(service, visitors, creator, truth):
    task = creator.generate(title="A hand")
    page = visitors.sign_in(service)
    expect(approve_button(page)).to_be_enabled()
    page.get_by_role("button", name="Mark a place").click()
    drag(page, (0.5, 0.5), (0.5, 0.5))
    page.get_by_label("Comment", exact=True).fill("@creator: is this a thumb?")
    page.get_by_role("button", name="Comment", exact=True).click()
    item = page.get_by_role("list", name="Comments").get_by_role("listitem")
    expect(item).to_contain_text("is this a thumb?")
    expect(page.locator(".mark circle")).to_have_count(1)
    (comment,) = truth.get(f"/v1/tasks/{task}/comments")["comments"]
    assert (comment["image"], comment["mentions"]) == (0, ["creator"])
    assert abs(comment["region"]["x"] - 0.5) < 0.02
    expect(page.get_by_label("Queue")).to_contain_text("1 open comment")

    artist = visitors.sign_in(service, "creator", at="#/library")
    artist.get_by_role("link", name="Mentions, 1 open").click()
    expect(artist.get_by_role("main")).to_contain_text("is this a thumb?")
    artist.get_by_role("link", name="Show the task").click()
    artist.get_by_role("button", name="Answer").click()
    artist.get_by_label("Comment", exact=True).fill("It is.")
    artist.keyboard.press("Control+Enter")
    expect(artist.get_by_role("list", name="Comments")).to_contain_text("It is.")
    artist.get_by_role("button", name="Resolve").first.click()
    expect(artist.get_by_text("Resolved by creator")).to_be_visible()
    until(lambda: truth.task(task)["open_comment_count"] == 1, "a resolved comment")
    artist.get_by_role("button", name="Delete", exact=True).last.click()
    until(lambda: truth.task(task)["comment_count"] == 1, "a comment fewer")
    assert truth.task(task)["version"] == 3


def test_others_see_who_reviews_a_task_and_can_still_decide(service, visitors, creator, truth):
    task = creator.generate(title="The heart")
    ada, ben = visitors.sign_in(service, name="ada"), visitors.sign_in(service, name="ben")
    for page in (ada, ben):
        expect(approve_button(page)).to_be_enabled()
    ada.keyboard.press("t")
    expect(ada.locator(".notice")).to_contain_text("Claimed for 30 minutes")
    assert truth.task(task)["reviewer"]["name"] == "ada"
    ben.reload()
    expect(ben.get_by_label("Queue")).to_contain_text("reviewed by ada")
    expect(ben.get_by_text("ada is reviewing this")).to_be_visible()
    expect(ada.get_by_text("is reviewing this")).to_have_count(0)
    ben.watch.expect("409")
    ben.keyboard.press("t")
    expect(ben.locator(".notice.wrong")).to_contain_text("reviewed by ada for another 30 minutes")
    expect(approve_button(ben)).to_be_enabled()
    ada.keyboard.press("t")
    expect(ada.locator(".notice", has_text="Released")).to_be_visible()
    until(lambda: truth.task(task)["reviewer"] is None, "a release")


def test_two_reviewers_have_to_approve(tmp_path, visitors):
    with Service(tmp_path, options=["--approvals-needed", "2"]) as service:
        creator, truth = service.person("creator"), service.person("reviewer", "rita")
        task = creator.generate(title="The heart")
        truth.move(task, "approve", note="fine")
        page = visitors.sign_in(service)
        page.clock.install()
        expect(page.get_by_label("Queue")).to_contain_text("1 of 2 approvals")
        expect(page.get_by_label("About the task")).to_contain_text("1 of 2 approvals: rita")
        page.get_by_role("button", name="Approve (1 of 2 approvals)").click()
        page.clock.run_for(HELD)
        assert truth.until(task, "approved")["approval"]["by"] == "reviewer"
        visitors.leave()
        visitors.contexts, visitors.watches = [], []


def test_marks_lie_on_the_image_at_every_size(service, visitors, creator, truth):
    task = creator.generate()
    region = {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}
    truth.post(f"/v1/tasks/{task}/comments", {"text": "here", "image": 0, "region": region})
    for viewport in ({"width": 1440, "height": 900}, {"width": 390, "height": 844}):
        page = visitors.sign_in(service, at=f"#/task/{task}", viewport=viewport)
        loaded(page, ".stage img")
        for _ in range(2):
            mark = page.locator(".mark rect").bounding_box()
            image = page.locator(".stage img").bounding_box()
            side = min(image["width"], image["height"])
            middle = [box["x"] + box["width"] / 2 for box in (mark, image)]
            assert abs(middle[0] - middle[1]) < 3 and abs(mark["width"] - side / 2) < 6, (mark, image)
            page.get_by_role("button", name="Actual size").click()
    go(page, "#/library")
