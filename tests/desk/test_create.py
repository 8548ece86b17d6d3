"""From the form to a published image."""

import urllib.request

from playwright.sync_api import expect

from pages import drop, loaded
from people import PROMPT, until


def create(page, prompt=PROMPT, **fields):
    page.get_by_label("Prompt", exact=True).fill(prompt)
    for name, value in fields.items():
        page.get_by_label(name.capitalize(), exact=True).fill(str(value))
    page.get_by_role("button", name="Generate").click()


def latest(page):
    return page.get_by_label("Your recent images").get_by_role("article").first


def test_an_image_is_requested_watched_approved_and_published(service, visitors):
    admin = service.person("admin")
    page = visitors.sign_in(service, "admin", at="#/create")
    create(page, steps=100, images=2, title="The heart", tags="hearts, red ones")
    card = latest(page)
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(card.get_by_alt_text("Preview")).to_be_visible()
    expect(card).to_contain_text("of 100")
    [task] = admin.tasks()
    assert (task["title"], task["tags"]) == ("The heart", ["hearts", "red ones"])
    expect(card).to_contain_text("Awaiting approval", timeout=90_000)
    expect(card.get_by_role("progressbar")).to_have_count(0)

    page.get_by_role("link", name="Review").click()
    expect(page.get_by_label("Queue")).to_contain_text("The heart")
    expect(page.get_by_label("Candidates").get_by_role("button")).to_have_count(2)
    loaded(page, ".stage img")
    page.get_by_role("button", name="Approve all 2").click()
    approved = admin.until(task["id"], "approved")
    assert approved["approval"]["by"] == "admin"

    page.get_by_label("Show").select_option("Approved, not published")
    page.get_by_role("button", name="Publish").click()
    published = admin.until(task["id"], "published")
    assert len(published["publication"]["keys"]) == 2
    changes = [event["change"] for event in admin.history(task["id"])]
    assert changes == ["create", "claim", "finish", "approve", "publish"]


def test_what_was_typed_stays_and_what_was_sent_goes(service, visitors):
    creator = service.person("creator")
    task = creator.generate(seed=11)
    image = urllib.request.urlopen(creator.task(task)["attempt"]["images"][0]["url"]).read()
    page = visitors.sign_in(service, "creator", at="#/create")
    page.get_by_label("Title", exact=True).fill("The cover")
    page.get_by_label("Tags", exact=True).fill("covers")
    drop(page, "heart.png", image)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    expect(page.get_by_label("Title", exact=True)).to_have_value("The cover")
    expect(page.get_by_label("Tags", exact=True)).to_have_value("covers")
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    expect(latest(page)).to_contain_text("The cover")
    expect(page.get_by_label("Title", exact=True)).to_have_value("")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    latest(page).locator(".images a").first.click()
    expect(page.get_by_role("heading", name="The cover")).to_be_visible()


def test_a_task_is_paused_resumed_and_cancelled(service, visitors):
    creator = service.person("creator")
    page = visitors.sign_in(service, "creator", at="#/create")
    create(page, steps=150, images=8)
    card = latest(page)
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("Paused")
    card.get_by_role("button", name="Resume").click()
    expect(card.get_by_role("progressbar")).to_be_visible()
    card.get_by_role("button", name="Withdraw request").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Changed my mind")
    dialog.get_by_role("button", name="Withdraw request").click()
    expect(card).to_contain_text("Cancelled")
    [task] = creator.tasks()
    assert task["cancellation"]["note"] == "Changed my mind"


def test_a_dropped_image_brings_its_settings_or_is_started_from(service, visitors):
    creator = service.person("creator")
    seed = 2**64 - 1
    settings = {"negative_prompt": "green", "steps": 12, "guidance_scale": 4.5, "scheduler": "ddim", "seed": seed}
    task = creator.task(creator.generate(**settings))
    with urllib.request.urlopen(task["attempt"]["images"][0]["url"]) as answer:
        image = answer.read()
    for kind in ("drop", "paste"):
        page = visitors.sign_in(service, "creator", at="#/create")
        expect(page.get_by_role("heading", name="Create images")).to_be_visible()
        drop(page, "heart.png", image, kind)
        expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
        for name, value in {
            "Negative prompt": "green",
            "Steps": "12",
            "Guidance scale": "4.5",
            "Scheduler": "ddim",
            "Seed": str(seed),
        }.items():
            expect(page.get_by_label(name, exact=True)).to_have_value(value)

    page.get_by_role("button", name="Use it as the starting image instead").click()
    page.get_by_label("Strength", exact=True).fill("0.5")
    page.get_by_role("button", name="Generate").click()
    made = until(lambda: [other for other in creator.tasks() if other["id"] != task["id"]], "another task")[0]
    settings = made["attempt"]["settings"]
    assert settings["strength"] == 0.5 and settings["seed"] == seed
    assert settings["init_image"].startswith("inputs/")
    creator.until(made["id"], "awaiting_approval")
    expect(latest(page)).to_contain_text("Awaiting approval")
