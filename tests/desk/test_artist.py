"""The artist's loop: from a result to the next, several at once, and being told when they are done."""

import json

import pytest
from playwright.sync_api import expect

from pages import drop, go, holds, loaded
from people import PROMPT, until
from test_accessibility import PHONE, WIDE, findings


def prompt(page):
    return page.get_by_label("Prompt", exact=True)


def generate(page):
    page.get_by_role("button", name="Generate").click()


def latest(page):
    return page.get_by_label("Your recent images").get_by_role("article").first


def opened(service, visitors, creator, **settings):
    """The form, with a task whose images have been generated beside it."""
    task = creator.generate(**({"steps": 2} | settings))
    page = visitors.sign_in(service, "creator", at="#/create")
    loaded(page, ".card .images img")
    return creator.task(task), page


def made(creator, known):
    """The settings of the task that is new."""
    found = until(lambda: [task for task in creator.tasks() if task["id"] not in known], "another task")
    return found[0]["attempt"]["settings"]


def test_the_form_says_what_the_model_does_by_itself(service, visitors):
    page = visitors.sign_in(service, "creator", at="#/create")
    expect(page.get_by_text("It draws simple shapes only")).to_be_visible()
    expect(page.get_by_role("button", name="Model default (128 × 128)")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Steps", exact=True)).to_have_attribute("placeholder", "20")
    expect(page.get_by_label("Guidance scale")).to_have_attribute("placeholder", "5")
    expect(page.get_by_label("Scheduler").locator("option").first).to_contain_text("Default (")


def test_sizes_are_chosen_by_their_proportions(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    prompt(page).fill(PROMPT)
    page.get_by_role("button", name="3:2").click()
    expect(page.get_by_text("152 × 104 pixels")).to_be_visible()
    page.get_by_role("button", name="Swap").click()
    expect(page.get_by_role("button", name="2:3")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Custom…").click()
    expect(page.get_by_label("Width")).to_have_value("104")
    page.get_by_label("Height").fill("")
    generate(page)
    # A custom size without numbers is none.
    assert page.get_by_label("Height").evaluate("input => input.matches(':invalid')")
    assert creator.tasks() == []
    page.get_by_label("Height").fill("96")
    generate(page)
    settings = made(creator, [])
    assert (settings["width"], settings["height"]) == (104, 96)


def test_a_result_is_opened_and_leads_to_the_next(service, visitors, creator):
    task, page = opened(service, visitors, creator, seed=5, count=2, guidance_scale=4)
    latest(page).get_by_role("link").nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Image 2 of 2, seed 6")).to_be_visible()
    dialog.get_by_role("button", name="Previous").click()
    expect(dialog.get_by_text("Image 1 of 2, seed 5")).to_be_visible()
    page.keyboard.press("ArrowRight")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"easel-{task['id']}-1-1.png"
    dialog.get_by_role("button", name="Same seed").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("Seed", exact=True)).to_have_value("6")
    expect(page.get_by_label("Images", exact=True)).to_have_value("1")
    expect(page.get_by_label("Guidance scale")).to_have_value("4")
    generate(page)
    again = creator.until(
        until(lambda: [other for other in creator.tasks() if other["id"] != task["id"]], "a task")[0]["id"],
        "awaiting_approval",
    )
    # The same seed is the same image.
    assert again["attempt"]["images"][0]["sha256"] == task["attempt"]["images"][1]["sha256"]


def test_more_like_an_image_are_small_variations_of_it(service, visitors, creator):
    task, page = opened(service, visitors, creator, seed=5, count=2)
    latest(page).get_by_role("link").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="More like this").click()
    expect(page.get_by_label("Variation strength")).to_have_value("0.2")
    page.get_by_label("Variation strength").fill("0.15")
    page.get_by_label("Images", exact=True).fill("2")
    generate(page)
    settings = made(creator, [task["id"]])
    assert (settings["seed"], settings["variation_strength"], settings["count"]) == (6, 0.15, 2)
    [varied] = [other["id"] for other in creator.tasks() if other["id"] != task["id"]]
    images = creator.until(varied, "awaiting_approval")["attempt"]["images"]
    assert [image["seed"] for image in images] == [6, 6]
    assert len({image["sha256"] for image in [*images, *task["attempt"]["images"]]}) == 4
    go(page, f"#/task/{varied}")
    expect(page.get_by_label("About the task")).to_contain_text(f"0.15 of seed {settings['variation_seed']}")


def test_a_result_is_where_the_next_image_starts(service, visitors, creator):
    task, page = opened(service, visitors, creator)
    go(page, f"#/task/{task['id']}/0")
    page.get_by_role("button", name="Use as starting image").click()
    expect(page.get_by_text("Starting image: image 1 of the task")).to_be_visible()
    page.get_by_label("Strength", exact=True).fill("0.6")
    generate(page)
    settings = made(creator, [task["id"]])
    assert settings["init_image"].startswith("inputs/") and settings["strength"] == 0.6
    # What started from an image does so again, without another upload.
    [started] = [other["id"] for other in creator.tasks() if other["id"] != task["id"]]
    go(page, f"#/create/{started}/settings")
    expect(page.get_by_text("Starting image: the one of before")).to_be_visible()
    generate(page)
    assert made(creator, [task["id"], started])["init_image"] == settings["init_image"]


def drag(page, source, target):
    """Drags with the mouse, by steps as a hand does."""
    source.scroll_into_view_if_needed()
    begin, end = source.bounding_box(), target.bounding_box()
    page.mouse.move(begin["x"] + 20, begin["y"] + 20)
    page.mouse.down()
    page.mouse.move(begin["x"] + 40, begin["y"] + 40, steps=4)
    page.mouse.move(end["x"] + 20, end["y"] + 10, steps=4)
    page.mouse.up()


def test_a_result_is_dragged_into_the_form(service, visitors, creator):
    task, page = opened(service, visitors, creator, seed=77, steps=3)
    drag(page, latest(page).locator(".images img").first, page.get_by_role("heading", name="Create images"))
    expect(page.get_by_text("Settings loaded from easel-").first).to_be_visible()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("77")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("3")
    page.get_by_role("button", name="Use it as the starting image instead").click()
    expect(page.get_by_text("Starting image: easel-")).to_be_visible()


def test_prompts_are_remembered_for_each_person_and_forgotten(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    for text in ("a red star", "a blue star"):
        prompt(page).fill(text)
        page.get_by_label("Negative prompt").fill("green")
        generate(page)
        expect(latest(page)).to_contain_text(text)
    prompt(page).fill("something else")
    page.get_by_role("button", name="Prompt history").click()
    page.get_by_role("dialog").get_by_role("button", name="a red star").click()
    expect(prompt(page)).to_have_value("a red star")
    expect(page.get_by_label("Negative prompt")).to_have_value("green")
    page.evaluate("token => localStorage.setItem('easel.token', token)", service.token("creator", "zoe"))
    page.reload()
    page.get_by_role("button", name="Prompt history").click()
    expect(page.get_by_role("dialog")).to_contain_text("No prompts yet.")
    page.keyboard.press("Escape")
    page.evaluate("token => localStorage.setItem('easel.token', token)", creator.token)
    page.reload()
    page.get_by_role("button", name="Prompt history").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Forget all").click()
    expect(page.get_by_role("dialog")).to_contain_text("No prompts yet.")


def test_a_grid_is_one_order_and_has_a_link(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    prompt(page).fill(PROMPT)
    page.get_by_text("Grid of two settings").click()
    page.get_by_label("X varies").select_option("Steps")
    page.get_by_label("X values").fill("1-3")
    page.get_by_label("Y varies").select_option("Seed")
    page.get_by_label("Y values").fill("x2")
    expect(page.get_by_text("3 × 2: 6 tasks")).to_be_visible()
    # One that cannot be sent is sent again, and none is sent twice.
    failures = iter(["lost", "limit", *["sent"] * 20])

    def fail(route):
        match next(failures) if route.request.method == "POST" else "sent":
            case "lost":
                route.fetch()
                route.abort()
            case "limit":
                route.fulfill(
                    status=429, headers={"retry-after": "1"}, json={"title": "Too much at once", "status": 429}
                )
            case _:
                route.continue_()

    page.watch.expect("ERR_FAILED|429")
    page.route("**/v1/tasks", fail)
    generate(page)
    expect(page.get_by_text("Can't reach Easel. Try again")).to_be_visible()
    generate(page)
    expect(page.get_by_role("table")).to_be_visible()
    tasks = creator.tasks()
    assert len(tasks) == 6 and sorted(task["attempt"]["settings"]["steps"] for task in tasks) == [1, 1, 2, 2, 3, 3]
    assert len({task["attempt"]["settings"]["seed"] for task in tasks}) == 2
    [tag] = {tag for task in tasks for tag in task["tags"]}
    assert page.url.endswith(f"#/grid/{tag}")
    page.reload()
    expect(page.get_by_role("columnheader")).to_have_text(["1", "2", "3"])
    expect(page.get_by_role("rowheader")).to_have_count(2)
    expect(page.get_by_text("Across: Steps. Down: Seed")).to_be_visible()
    expect(page.get_by_role("cell").get_by_role("img")).to_have_count(6, timeout=60_000)
    page.get_by_role("cell").get_by_role("img").nth(4).click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()


def test_a_grid_that_is_too_large_or_wrong_is_refused(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    prompt(page).fill(PROMPT)
    page.get_by_text("Grid of two settings").click()
    page.get_by_label("X varies").select_option("Steps")
    for values, message in {
        "1-13": "13 × 5: 65 tasks, which is more than 64",
        "1, none": "“none” is not a whole number",
        "0": "0 is out of bounds (1 to 150)",
    }.items():
        page.get_by_label("X values").fill(values)
        page.get_by_label("Y varies").select_option("Guidance scale")
        page.get_by_label("Y values").fill("1, 2, 3, 4, 5")
        expect(page.get_by_text(message)).to_be_visible()
        generate(page)
        expect(page.get_by_role("alert")).not_to_be_empty()
    assert creator.tasks() == []


def test_it_keeps_going_until_it_is_stopped(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    prompt(page).fill(PROMPT)
    page.get_by_label("Steps", exact=True).fill("1")
    page.get_by_role("button", name="Keep going").click()
    until(lambda: len(creator.tasks()) >= 3, "three tasks")
    # It goes on while other pages are looked at.
    go(page, "#/library")
    count = len(creator.tasks())
    until(lambda: len(creator.tasks()) > count, "one more")
    page.locator(".notice").get_by_role("button", name="Stop").click()
    expect(page.locator(".notice")).to_have_count(0)
    tasks = creator.tasks()
    assert len({task["attempt"]["settings"]["seed"] for task in tasks}) == len(tasks)
    go(page, "#/create")
    expect(page.get_by_role("button", name="Keep going")).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(3000)
    assert len(creator.tasks()) == len(tasks)


# Keeps what the browser is asked to show.
RECORD = """() => {
    window.told = []
    const Real = window.Notification
    window.Notification = class extends Real {
        constructor(title, options) { super(title, options); told.push([title, options.body]) }
    }
}"""


def test_people_are_told_what_becomes_of_their_images(service, visitors, creator):
    reviewer = service.person("reviewer", "rita")
    page = visitors.sign_in(service, "creator", at="#/create", permissions=["notifications"])
    page.evaluate(RECORD)
    page.get_by_role("button", name="Notify me when done").click()
    expect(page.get_by_role("button", name="Notifications are on")).to_be_visible()
    # Another tab is in front.
    page.evaluate("""
        Object.defineProperty(document, 'hidden', { get: () => true })
        document.dispatchEvent(new Event('visibilitychange'))
    """)
    page.wait_for_timeout(500)
    task = creator.request(title="The heart", steps=40)
    page.wait_for_timeout(6000)
    creator.until(task, "awaiting_approval")
    holds(page, "told.some(([title, body]) => title === 'Awaiting approval' && body === 'The heart')")
    reviewer.move(task, "reject", reason="Too red")
    holds(page, "told.some(([title, body]) => title === 'Rejected' && body === 'The heart\\nToo red')")
    page.get_by_role("button", name="Notifications are on").click()
    creator.move(task, "cancel")
    page.wait_for_timeout(6000)
    assert page.evaluate("told.length") == 2


def with_text(keyword, text):
    """The beginning of a PNG file with a text, which is all that is read of it."""
    data = f"{keyword}\0{text}".encode("latin1")
    return b"\x89PNG\r\n\x1a\n" + len(data).to_bytes(4, "big") + b"tEXt" + data + bytes(4)


def test_what_a_file_says_and_cannot_be_used_is_named(service, visitors):
    page = visitors.sign_in(service, "creator", at="#/create")
    expect(prompt(page)).to_be_visible()
    text = (
        "a heart <lora:pen:0.7>\nSteps: 20, Sampler: Strange, Seed: 5, Hires upscale: 2, Clip skip: 3, Version: v1.10.0"
    )
    drop(page, "other.png", with_text("parameters", text))
    wrong = page.locator(".notice.wrong")
    expect(wrong).to_contain_text("the sampler “Strange”, which is not known here, Hires upscale")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("5")
    expect(page.get_by_label("Clip skip")).to_have_value("1")


def test_a_paused_task_keeps_its_preview(service, visitors, creator):
    page = visitors.sign_in(service, "creator", at="#/create")
    creator.request(steps=150, count=8)
    card = latest(page)
    expect(card.get_by_alt_text("Preview")).to_be_visible()
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("Paused")
    expect(card.get_by_alt_text("Preview")).to_be_visible()
    expect(card).to_contain_text("of 150")


def test_the_task_page_goes_on_by_keys_and_back_to_its_list(service, visitors, creator):
    tasks = [creator.generate(title=f"Heart {number}", steps=1, count=1 + number) for number in range(3)]
    page = visitors.sign_in(service, "creator", at="#/library")
    page.get_by_label("Tasks").get_by_role("link").nth(1).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Heart 1")
    marked = page.get_by_role("navigation").locator("[aria-current]")
    expect(marked).to_have_text("Library")
    page.keyboard.press("2")
    expect(page.get_by_label("Candidates").get_by_role("button").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("j")
    expect(heading).to_have_text("Heart 0")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("k")
    expect(heading).to_have_text("Heart 1")
    page.get_by_role("button", name="Previous").click()
    expect(heading).to_have_text("Heart 2")
    assert page.url.endswith(tasks[2])
    page.get_by_role("link", name="Back to Library").click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()


def test_every_page_lists_its_keys(service, visitors, creator):
    task = creator.generate(steps=1)
    page = visitors.sign_in(service, "admin")
    for place, does in {
        "#/review": "Publish",
        "#/create": "Prompt history",
        "#/library": "Search",
        "#/system": "Go to Library",
        f"#/task/{task}": "Show image 1–8",
    }.items():
        go(page, place)
        page.get_by_role("main").locator("h1").first.wait_for()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text(does)
        page.keyboard.press("Escape")
    page.keyboard.press("Shift+L")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()


def test_the_api_is_documented_for_everybody(service, visitors):
    page = visitors.open(f"{service.api}/docs")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Easel")
    page.get_by_text("POST /v1/tasks", exact=True).click()
    expect(page.get_by_role("cell", name="201").first).to_be_visible()
    description = service.person("creator").get("/openapi.json")
    operations = [path for path, item in description["paths"].items() for method in item if method != "parameters"]
    expect(page.locator("summary code").filter(has_text="/")).to_have_count(len(operations))
    assert json.dumps(findings(page)) == "[]"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_artists_use(service, visitors, creator, scheme, size):
    task = creator.generate(steps=1, count=2, seed=1)
    for steps in (1, 2):
        creator.request(steps=steps, tags=["grid-test"], metadata={"easel.grid.x": "steps"}, seed=3)
    page = visitors.sign_in(service, "creator", at="#/create", color_scheme=scheme, viewport=size)
    loaded(page, ".card:last-child .images img")
    page.get_by_text("Grid of two settings").click()
    page.get_by_text("Variation", exact=True).click()
    wrong = {"the form": findings(page)}
    page.get_by_role("button", name="Prompt history").click()
    wrong["prompts"] = findings(page)
    page.keyboard.press("Escape")
    page.get_by_label("Your recent images").get_by_role("article").last.get_by_role("link").first.click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    wrong["an image"] = findings(page)
    page.keyboard.press("Escape")
    for place, there in {
        "#/grid/grid-test": page.get_by_role("table"),
        "#/docs": page.get_by_text("GET /health"),
        f"#/task/{task}": page.get_by_role("link", name="Back to the grid"),
    }.items():
        go(page, place)
        expect(there).to_be_visible()
        wrong[place] = findings(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{place} is too wide"
    assert not any(wrong.values()), "\n".join(f"{place}: {line}" for place, lines in wrong.items() for line in lines)


# One finger goes over the images.
SWIPE = """([selector, from, to]) => {
    const node = document.querySelector(selector)
    const touch = x => new Touch({ identifier: 1, target: node, clientX: x, clientY: 300 })
    node.dispatchEvent(new TouchEvent('touchstart', { touches: [touch(from)], changedTouches: [touch(from)] }))
    node.dispatchEvent(new TouchEvent('touchend', { touches: [], changedTouches: [touch(to)] }))
}"""


def test_a_swipe_leads_on_and_back(service, visitors, creator):
    for number in range(2):
        creator.generate(title=f"Heart {number}", steps=1)
    page = visitors.sign_in(service, viewport=PHONE, has_touch=True)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Heart 1")
    loaded(page, ".stage img")
    page.evaluate(SWIPE, [".stage", 300, 100])
    expect(heading).to_have_text("Heart 0")
    loaded(page, ".stage img")
    page.evaluate(SWIPE, [".stage", 100, 120])
    expect(heading).to_have_text("Heart 0")
    page.evaluate(SWIPE, [".stage", 100, 300])
    expect(heading).to_have_text("Heart 1")
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_hidden()
