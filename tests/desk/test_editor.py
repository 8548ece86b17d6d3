"""Painting over a part of an image: the editor of masks by mouse, finger and keyboard, and what the service gets."""

import base64
import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pages import drop, go
from people import PROMPT, until
from service import Service
from test_accessibility import PHONE, WIDE, findings
from test_talking import drag

# Files for tests of the model.
ADAPTERS = Path(__file__).parents[2] / "model/tests/data/adapters/files"
EMPTY_OFFERS = {kind: [] for kind in ("models", "loras", "embeddings", "controls", "image_adapters", "upscalers")} | {
    "is_complete": True,
    "reported_at": None,
}

# Keeps the files that the page uploads.
KEEP = """() => {
    window.sent = []
    const own = window.fetch
    window.fetch = (place, options) => {
        if (options?.body instanceof Blob) sent.push(options.body)
        return own(place, options)
    }
}"""
# The size of an uploaded image, and how bright a place of it is.
SENT = """async ([name, x, y]) => {
    const image = await createImageBitmap(sent.find(file => file.name === name))
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d')
    context.drawImage(image, 0, 0)
    return [image.width, image.height, context.getImageData(x * image.width, y * image.height, 1, 1).data[0]]
}"""

# How many places differ between two images, within the third quarter of both axes and elsewhere.
DIFFERENCES = """async images => {
    const numbers = []
    for (const image of images) {
        const bytes = Uint8Array.from(atob(image), character => character.charCodeAt(0))
        const bitmap = await createImageBitmap(new Blob([bytes]))
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
        context.drawImage(bitmap, 0, 0)
        numbers.push(context.getImageData(0, 0, bitmap.width, bitmap.height))
    }
    const [{ width, height, data: one }, { data: other }] = numbers
    const differing = [0, 0]
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x)
        // Marks are made by mouse, so that their edges are about where they should be.
        const [near, far] = [0.47, 0.78]
        const isInside = x > near * width && x < far * width && y > near * height && y < far * height
        if ([0, 1, 2].some(colour => one[at + colour] !== other[at + colour])) differing[isInside ? 0 : 1] += 1
    }
    return differing
}"""


def image_of(attempt):
    with urllib.request.urlopen(attempt["images"][0]["url"]) as answer:
        return answer.read()


def open_editor(page, image):
    """Drops an image without settings and opens the editor on it."""
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    drop(page, "room.png", image)
    page.get_by_role("button", name="Use it as the starting image instead").click()
    page.get_by_role("button", name="Paint over a part").click()
    editor = page.get_by_role("dialog")
    expect(editor.get_by_label("Mask", exact=True)).to_be_focused()
    return editor


def drawn(service, creator):
    task = creator.task(creator.generate())
    return task, image_of(task["attempt"])


def masked(page, x, y):
    """How much of a place of the mask is seen, from 0 to 255."""
    return page.evaluate(
        """([x, y]) => {
            const canvas = document.querySelector('canvas.mask')
            const place = [Math.round(x * canvas.width), Math.round(y * canvas.height)]
            return canvas.getContext('2d').getImageData(...place, 1, 1).data[3]
        }""",
        [x, y],
    )


def place(editor, x, y):
    """A place of the image on the page."""
    box = editor.get_by_label("Mask", exact=True).bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def stroke(page, editor, points):
    page.mouse.move(*place(editor, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(editor, *point), steps=8)
    page.mouse.up()


def test_a_part_is_painted_over_by_mouse(service, visitors):
    creator = service.person("creator")
    source, image = drawn(service, creator)
    page = visitors.sign_in(service, "creator", at="#/create")
    page.evaluate(KEEP)
    editor = open_editor(page, image)
    editor.get_by_role("button", name="Use this mask").click()
    expect(editor.get_by_role("status")).to_contain_text("Nothing is masked yet")
    stroke(page, editor, [(0.2, 0.5), (0.8, 0.5)])
    assert masked(page, 0.5, 0.5) == 255 and masked(page, 0.5, 0.1) == 0
    expect(editor.get_by_role("status")).to_have_text("Painted.")
    editor.get_by_role("button", name="Eraser").click()
    stroke(page, editor, [(0.5, 0.3), (0.5, 0.7)])
    assert masked(page, 0.5, 0.5) == 0 and masked(page, 0.3, 0.5) == 255
    editor.get_by_role("button", name="Undo").click()
    assert masked(page, 0.5, 0.5) == 255
    editor.get_by_role("button", name="Redo").click()
    editor.get_by_role("button", name="Lasso").click()
    stroke(page, editor, [(0.1, 0.1), (0.4, 0.1), (0.4, 0.3), (0.1, 0.3)])
    assert masked(page, 0.25, 0.2) == 255
    editor.get_by_role("button", name="Invert").click()
    assert masked(page, 0.25, 0.2) == 0 and masked(page, 0.9, 0.9) == 255
    editor.get_by_role("button", name="Undo").click()
    editor.get_by_label("Soft edge").fill("100")
    editor.get_by_role("button", name="Brush").click()
    stroke(page, editor, [(0.5, 0.85), (0.5, 0.85)])
    assert masked(page, 0.5, 0.85) > 200 and 0 < masked(page, 0.525, 0.85) < 255
    editor.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_role("img", name="The image with its mask")).to_be_visible()
    expect(page.get_by_role("button", name="Edit mask")).to_be_focused()

    page.get_by_role("button", name="Edit mask").click()
    expect(editor.get_by_label("Mask", exact=True)).to_be_focused()
    assert masked(page, 0.25, 0.2) == 255, "it is as it was"
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Generate").click()
    made = until(lambda: [task for task in creator.tasks() if "mask" in task["attempt"]["settings"]], "a task")[0]
    settings = made["attempt"]["settings"]
    assert settings["mask"].startswith("inputs/") and settings["init_image"].startswith("inputs/")
    assert settings["mask"] != settings["init_image"]
    assert page.evaluate("sent.map(file => [file.name, file.type])") == [
        ["room.png", "image/png"],
        ["mask.png", "image/png"],
    ]
    side = source["attempt"]["images"][0]["width"]
    assert page.evaluate(SENT, ["mask.png", 0.25, 0.2]) == [side, side, 255], "white is painted anew"
    assert page.evaluate(SENT, ["mask.png", 0.9, 0.9]) == [side, side, 0]


def test_the_keyboard_paints_as_well(service, visitors):
    creator = service.person("creator")
    _, image = drawn(service, creator)
    page = visitors.sign_in(service, "creator", at="#/create")
    editor = open_editor(page, image)
    page.keyboard.press("Space")
    assert masked(page, 0.5, 0.5) == 255
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    expect(editor.get_by_role("status")).to_contain_text("painting")
    page.keyboard.press("Enter")
    assert masked(page, 0.9, 0.5) == 255
    page.keyboard.press("z")
    assert masked(page, 0.9, 0.5) == 0 and masked(page, 0.5, 0.5) == 255
    page.keyboard.press("Shift+Z")
    assert masked(page, 0.9, 0.5) == 255
    before = int(editor.get_by_label("Brush size").input_value())
    page.keyboard.press("]")
    assert int(editor.get_by_label("Brush size").input_value()) > before
    page.keyboard.press("[")
    page.keyboard.press("i")
    assert masked(page, 0.5, 0.5) == 0 and masked(page, 0.5, 0.1) == 255
    page.keyboard.press("x")
    page.keyboard.press("f")
    assert masked(page, 0.1, 0.9) == 255
    page.keyboard.press("Escape")
    expect(editor).to_be_visible()
    expect(editor.get_by_role("status")).to_contain_text("once more")
    page.keyboard.press("Escape")
    expect(editor).to_have_count(0)
    expect(page.get_by_role("button", name="Remove mask")).to_have_count(0)


def test_a_finger_paints_and_two_move(service, visitors):
    creator = service.person("creator")
    _, image = drawn(service, creator)
    page = visitors.sign_in(service, "creator", at="#/create", viewport=PHONE, has_touch=True)
    editor = open_editor(page, image)
    devtools = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [dict(zip("xy", place(editor, *point), strict=True)) for point in points]
        points = [{"id": number, **spot} for number, spot in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.3, 0.3))
    for x in (0.4, 0.5, 0.6):
        touch("touchMove", (x, 0.3))
    touch("touchEnd")
    assert masked(page, 0.45, 0.3) == 255
    width = editor.get_by_label("Mask", exact=True).bounding_box()["width"]
    # The second finger takes back what the first has begun.
    touch("touchStart", (0.4, 0.7))
    touch("touchStart", (0.4, 0.7), (0.6, 0.7))
    for by in (0.02, 0.05, 0.1):
        touch("touchMove", (0.4 - by, 0.7), (0.6 + by, 0.7))
    touch("touchEnd")
    assert masked(page, 0.4, 0.7) == 0
    assert editor.get_by_label("Mask", exact=True).bounding_box()["width"] > width
    editor.get_by_role("button", name="Fit").click()
    editor.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_role("button", name="Edit mask")).to_be_visible()


def test_a_canvas_grows(service, visitors):
    creator = service.person("creator")
    task, image = drawn(service, creator)
    width = task["attempt"]["images"][0]["width"]
    page = visitors.sign_in(service, "creator", at="#/create")
    page.evaluate(KEEP)
    editor = open_editor(page, image)
    handle = editor.get_by_role("slider", name="Extend to the left")
    handle.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "64")
    expect(editor.get_by_role("status")).to_have_text("Extended to the left by 64 pixels.")
    assert masked(page, 0.05, 0.5) == 255 and masked(page, 0.9, 0.5) == 0
    handle.press("ArrowRight")
    handle = editor.get_by_role("slider", name="Extend to the right")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 45, box["y"] + 5, steps=4)
    page.mouse.up()
    assert int(handle.get_attribute("aria-valuenow")) > 0
    while int(handle.get_attribute("aria-valuenow")) > 0:
        handle.press("ArrowLeft")
    handle.press("ArrowRight")
    editor.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_text("on a larger canvas")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Generate").click()
    until(lambda: [made for made in creator.tasks() if "mask" in made["attempt"]["settings"]], "a task")
    height = task["attempt"]["images"][0]["height"]
    assert page.evaluate(SENT, ["mask.png", 0.99, 0.5]) == [width + 64, height, 255]
    assert page.evaluate(SENT, ["mask.png", 0.1, 0.5])[2] == 0
    assert page.evaluate(SENT, ["extended.png", 0.99, 0.5])[:2] == [width + 64, height]


def test_a_rejected_image_is_painted_over(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    task = creator.generate()
    reviewer.move(task, "reject", reason="Fix the corner")
    page = visitors.sign_in(service, "creator", at=f"#/create/{task}")
    page.get_by_role("button", name="Paint over the image").click()
    editor = page.get_by_role("dialog")
    expect(editor).to_contain_text("Fix the corner")
    stroke(page, editor, [(0.2, 0.2), (0.4, 0.4)])
    editor.get_by_role("button", name="Use this mask").click()
    page.get_by_role("button", name="Try again").click()
    attempt = until(lambda: (seen := creator.task(task)["attempt"])["number"] == 2 and seen, "a retry")
    assert attempt["parent"] == {"task": task, "attempt": 1, "index": 0}
    assert attempt["settings"]["mask"].startswith("inputs/")


def test_an_approved_image_is_enlarged_as_a_child(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    task = creator.generate()
    reviewer.move(task, "approve")
    page = visitors.sign_in(service, "creator", at=f"#/task/{task}")
    page.get_by_role("button", name="Upscale").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Factor").fill("2")
    dialog.get_by_role("button", name="Upscale").click()
    child = until(lambda: [made for made in creator.tasks() if made["id"] != task], "a child")[0]
    child = creator.task(child["id"])
    settings = child["attempt"]["settings"]
    assert (settings["upscaler"], settings["upscale"], settings["strength"]) == ("lanczos", 2, 0)
    assert child["attempt"]["parent"] == {"task": task, "attempt": 1, "index": 0}
    expect(page.get_by_role("link", name="Image 1 of another task")).to_be_visible()


def test_a_child_is_compared_with_its_source(service, visitors):
    creator = service.person("creator")
    task = creator.generate()
    child = creator.generate(init_image=f"task:{task}/0", strength=0.5)
    page = visitors.sign_in(service, "creator", at=f"#/task/{child}")
    page.get_by_role("button", name="Compare with its source").click()
    slider = page.get_by_role("dialog").get_by_role("slider")
    slider.fill("20")
    expect(page.get_by_alt_text("After")).to_have_css("clip-path", "inset(0px 0px 0px 20%)")
    assert not findings(page)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_editor(service, visitors, scheme, size):
    creator = service.person("creator")
    _, image = drawn(service, creator)
    page = visitors.sign_in(service, "creator", at="#/create", color_scheme=scheme, viewport=size)
    editor = open_editor(page, image)
    page.keyboard.press("Space")
    wrong = findings(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    editor.get_by_role("button", name="Use this mask").click()
    wrong += findings(page)
    go(page, "#/library")
    assert not wrong, "\n".join(wrong)


def test_a_marked_region_is_painted_anew_and_approved(service, visitors):
    creator, truth = service.person("creator"), service.person("reviewer", "rita")
    task = creator.generate(title="A heart", width=128, height=128)
    reviewer = visitors.sign_in(service)
    reviewer.clock.install()
    expect(reviewer.get_by_role("button", name="Approve", exact=True)).to_be_enabled()
    reviewer.keyboard.press("m")
    drag(reviewer, (0.5, 0.5), (0.75, 0.75))
    reviewer.get_by_role("dialog").get_by_label("Note (optional)").fill("not round")
    reviewer.keyboard.press("Control+Enter")
    expect(reviewer.locator(".mark rect")).to_have_count(1)
    reviewer.keyboard.press("r")
    reviewer.get_by_role("dialog").get_by_role("button", name="Visual defects").click()
    reviewer.keyboard.press("Control+Enter")
    reviewer.clock.run_for(10_000)
    before = truth.until(task, "rejected")["attempt"]

    page = visitors.sign_in(service, "creator", at=f"#/create/{task}")
    page.get_by_role("button", name="Paint over the image").click()
    editor = page.get_by_role("dialog")
    expect(editor).to_contain_text("Visual defects")
    assert masked(page, 0.6, 0.6) == 255 and masked(page, 0.4, 0.6) == 0, "the marked region is the mask"
    editor.get_by_role("button", name="Use this mask").click()
    page.get_by_role("button", name="Try again").click()
    until(lambda: creator.task(task)["attempt"]["number"] == 2, "a retry")
    attempt = truth.until(task, "awaiting_approval")["attempt"]
    images = [base64.b64encode(image_of(seen)).decode() for seen in (before, attempt)]
    inside, outside = page.evaluate(DIFFERENCES, images)
    assert outside == 0, "what was not marked stays as it was"
    assert inside > 0, "what was marked is painted anew"

    reviewer.clock.run_for(10_000)
    expect(reviewer.get_by_role("button", name="Approve", exact=True)).to_be_enabled()
    reviewer.keyboard.press("a")
    reviewer.clock.run_for(10_000)
    truth.until(task, "approved")


def test_control_images_stand_beside_the_prompt(tmp_path, visitors):
    controls = tmp_path / "controls"
    for name in ("edges", "old"):
        shutil.copytree(ADAPTERS / "t2i_adapter", controls / name)
    (controls / "old/config.json").write_text(
        json.dumps({"_class_name": "ControlNetModel", "cross_attention_dim": 768})
    )
    with Service(tmp_path, options=["--controls", controls]) as service:
        creator = service.person("creator")
        offers = until(lambda: creator.get("/v1/offers")["controls"], "the worker says what it offers")
        assert offers[0]["kinds"] == [] and "Stable Diffusion 1" in offers[1]["unusable"]
        _, image = drawn(service, creator)
        page = visitors.sign_in(service, "creator", at="#/create")
        page.get_by_label("Prompt", exact=True).fill(PROMPT)
        expect(page.get_by_label("Say what to draw by images")).to_be_hidden()
        chosen = page.get_by_label("Steer the composition")
        for name in ("room.png", "edges.png"):
            chosen.set_input_files({"name": name, "mimeType": "image/png", "buffer": image})
        model = page.get_by_label("Control model").nth(0)
        expect(model).to_have_text("edges")
        expect(page.get_by_label("Type", exact=True)).to_have_count(0)
        page.get_by_label("Make from the image").nth(0).select_option("Edges (Canny)")
        page.get_by_label("Scale", exact=True).nth(0).fill("0.5")
        page.get_by_label("End", exact=True).nth(0).fill("0.6")
        assert not findings(page)
        page.get_by_role("button", name="Remove edges.png").click()
        page.get_by_role("button", name="Generate").click()
        made = until(lambda: [task for task in creator.tasks() if "controls" in task["attempt"]["settings"]], "a task")
        [control] = made[0]["attempt"]["settings"]["controls"]
        assert (control["model"], control["scale"], control["end"]) == ("edges", 0.5, 0.6)
        assert control["preprocess"] == "canny" and "type" not in control
        assert control["image"].startswith("inputs/") and "init_image" not in made[0]["attempt"]["settings"]
        creator.until(made[0]["id"], "awaiting_approval")


def test_a_union_says_which_kinds_it_knows(service, visitors):
    offers = {"name": "union", "kinds": ["openpose", "depth"]}, {"name": "unseen"}
    page = visitors.sign_in(service, "creator", at="#/library")
    page.route("**/v1/offers", lambda route: route.fulfill(json=EMPTY_OFFERS | {"controls": list(offers)}))
    creator = service.person("creator")
    _, image = drawn(service, creator)
    go(page, "#/create")
    page.get_by_label("Steer the composition").set_input_files(
        {"name": "room.png", "mimeType": "image/png", "buffer": image}
    )
    kind = page.get_by_label("Type", exact=True)
    expect(kind.get_by_role("option")).to_have_text(["Choose one", "openpose", "depth"])
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Generate").click()
    assert kind.evaluate("input => input.validity.valueMissing"), "one has to be chosen"
    page.get_by_label("Control model").select_option("unseen")
    expect(kind).to_have_attribute("placeholder", "Of a union model")
