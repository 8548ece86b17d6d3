"""Takes screenshots of each page of the desk, light and dark, on a phone and on a wide screen.

`python screenshots.py FOLDER` writes them there, in the place of those that it has."""

import base64
import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import expect, sync_playwright

import chromium
from pages import Visitors, go, holds, loaded
from service import Service

SIZES = {"phone": {"width": 390, "height": 844}, "wide": {"width": 1440, "height": 900}}
SCHEMES = ("light", "dark")
QUALITY = 50
GRID = "steps and seeds"
OTHERS = ("ada", "alan", "edsger", "barbara")
LIBRARY = [
    "a large red heart on a blue background",
    "a small yellow star at the top on a purple background",
    "a large striped green circle on a white background",
    "a small blue square on the left on a yellow background",
    "a large orange triangle on a black background",
    "a small striped purple heart at the bottom on a green background",
    "a large white star on a red background",
    "a small black circle on the right on an orange background",
    "a large yellow square on a blue background",
    "a small green triangle on a purple background",
]


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as scratch, Service(scratch) as service, sync_playwright() as playwright:
        task = fill(service)
        with chromium.launch(playwright) as browser:
            visitors = Visitors(browser)
            for size in SIZES:
                for scheme in SCHEMES:
                    take_all(visitors, service, task, size, scheme, folder)
                    visitors.leave()


def fill(service):
    """Generates what the pages show; returns a task with an earlier attempt."""
    creator, reviewer = service.person("creator", "grace"), service.person("reviewer", "rita")
    tasks = [creator.generate(prompt, seed=number, tags=[prompt.split()[2]]) for number, prompt in enumerate(LIBRARY)]
    for task in tasks[::3]:
        reviewer.move(task, "approve", note="Just as requested")
    reviewer.move(tasks[0], "publish")
    reviewer.move(tasks[1], "reject", reason="The star is too small")
    creator.move(tasks[4], "cancel", reason="No longer needed")
    task = creator.generate(LIBRARY[0], title="Heart for the front page", tags=["front page"], count=3, seed=40)
    reviewer.move(task, "reject", reason="Wrong style")
    creator.move(task, "retry", prompt="a large striped red heart on a blue background", seed=41)
    creator.until(task, "awaiting_approval")
    owner = service.person("admin", "grace")
    region = {"x": 0.3, "y": 0.3, "width": 0.25, "height": 0.3}
    for text in ("@grace is this the shade of the brand?", "@grace the edge here is soft"):
        reviewer.post(f"/v1/tasks/{task}/comments", {"text": text, "image": 0, "region": region})
    images = [{"task": made, "attempt": 1, "image": 0} for made in (tasks[3], tasks[6], tasks[9], tasks[0])]
    owner.call("PATCH", "/v1/collections/favourites", {"add": images[:2]})
    owner.post("/v1/collections", {"name": "Spring campaign", "add": images})
    for name in ("nightly-prompts", "web-shop"):
        owner.post("/v1/tokens", {"name": name, "role": "creator", "days": 90})
    grid = {"tags": [GRID], "metadata": {"easel.grid.x": "steps", "easel.grid.y": "seed"}, "width": 128, "height": 128}
    made = [
        creator.request(LIBRARY[0], steps=steps, seed=seed, **grid) for seed in (1, 2, 3) for steps in (2, 4, 8, 16)
    ]
    for cell in made:
        creator.until(cell, "awaiting_approval")
    return task


def take_all(visitors, service, task, size, scheme, folder):
    options, owner = {"viewport": SIZES[size], "color_scheme": scheme}, service.person("admin", "grace")

    def take(page, name):
        data = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        (folder / f"{name}-{size}-{scheme}.webp").write_bytes(base64.b64decode(data["data"]))

    page = visitors.open(service.api, **options)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    take(page, "sign-in")
    page = visitors.sign_in(service, "admin", "grace", **options)
    loaded(page, ".stage img")
    all_loaded(page, ".queue img")
    take(page, "review")
    go(page, "#/library")
    all_loaded(page, ".tile img")
    take(page, "library")
    go(page, f"#/task/{task}")
    loaded(page, ".stage img")
    expect(page.get_by_text("requested it")).to_be_attached()
    take(page, "task")
    # This takes longer than both pages need.
    go(page, "#/create")
    page.get_by_label("Prompt", exact=True).fill("a small red star at the top on a yellow background")
    page.get_by_label("Steps", exact=True).fill("150")
    page.get_by_label("Images", exact=True).fill("8")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Close").click()
    card = page.get_by_label("Your recent images").get_by_role("article").first
    holds(page, "document.querySelector('.card progress')?.position > 0.2")
    card.scroll_into_view_if_needed()
    take(page, "create")
    go(page, "#/system")
    expect(page.get_by_label("Generating")).to_contain_text("Step")
    take(page, "system")
    waiting = [service.person("creator", name).request(LIBRARY[number]) for number, name in enumerate(OTHERS)]
    go(page, "#/queue")
    # One of them may be drawn already.
    expect(page.get_by_role("row").nth(len(waiting) - 1)).to_be_visible()
    take(page, "queue")
    # The next pages show the same tasks again.
    long = [task["id"] for status in ("in_progress", "pending") for task in owner.tasks(f"status={status}")]
    for other in {*waiting, *long}:
        owner.call("DELETE", f"/v1/tasks/{other}")
    for name, place, there in (
        ("collections", "#/collections", page.get_by_role("link", name="Spring campaign")),
        ("mentions", "#/mentions", page.get_by_text("the edge here is soft")),
        ("tokens", "#/tokens", page.get_by_text("nightly-prompts").first),
        ("docs", "#/docs", page.get_by_role("heading", name="Easel")),
    ):
        go(page, place)
        expect(there).to_be_visible()
        take(page, name)
    go(page, "#/collections")
    page.get_by_role("link", name="Spring campaign").click()
    all_loaded(page, "main li img")
    take(page, "collection")
    go(page, f"#/grid/{quote(GRID)}")
    all_loaded(page, "main td img")
    take(page, "grid")
    take_editor(page, task, take)


def all_loaded(page, selector):
    """Waits until every one of these images is loaded that the browser has to show."""
    loaded(page, selector)
    images = f"[...document.querySelectorAll({json.dumps(selector)})]"
    holds(page, f"{images}.every(image => image.complete && image.naturalWidth > 0)")


def take_editor(page, task, take):
    """The editor of masks on an image, with something painted."""
    go(page, f"#/create/{task}/start/0")
    page.get_by_role("button", name="Paint over a part").click()
    editor = page.get_by_role("dialog")
    expect(editor.get_by_label("Mask", exact=True)).to_be_focused()
    box = editor.get_by_label("Mask", exact=True).bounding_box()
    for start, end in (((0.3, 0.35), (0.55, 0.3)), ((0.35, 0.5), (0.7, 0.6))):
        page.mouse.move(box["x"] + box["width"] * start[0], box["y"] + box["height"] * start[1])
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * end[0], box["y"] + box["height"] * end[1], steps=8)
        page.mouse.up()
    take(page, "editor")


if __name__ == "__main__":
    main()
