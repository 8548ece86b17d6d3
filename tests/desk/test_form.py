"""The form offers every setting that the API's own description has, with its bounds, known to the desk or not."""

import json

import pytest
from playwright.sync_api import expect

from people import PROMPT, until

NEW = {
    "sharpness": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sharp it is."},
    "passes": {"type": ["integer", "null"], "minimum": 1, "maximum": 4, "default": 2},
    "tiling": {"type": ["boolean", "null"]},
    "palette": {"type": "string", "enum": ["warm", "cold_blue"]},
    "note_to_worker": {"type": "string", "maxLength": 40},
    "canvas_size": {"type": "array", "items": {"type": "integer", "minimum": 8}, "minItems": 2, "maxItems": 2},
    "styles": {"type": "array", "items": {"type": "string"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "margin": {"type": "object", "properties": {"x": {"type": "integer"}}},
}
FILLED = {
    "sharpness": 0.25,
    "passes": 3,
    "tiling": False,
    "palette": "cold_blue",
    "note_to_worker": "slowly",
    "canvas_size": [64, 32],
    "styles": ["flat", "bold"],
    "labels": {"shop": "Berlin"},
    "margin": {"x": 1},
}
# What the form has instead of a field of that name: a file is uploaded.
ELSEWHERE = {"init_image": "file"}


def request_of(description, path="/v1/tasks"):
    """The schema of the request."""
    schema = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    while reference := schema.get("$ref"):
        schema = description
        for key in reference.removeprefix("#/").split("/"):
            schema = schema[key]
    return schema


@pytest.fixture
def description(service):
    return service.person("creator").get("/openapi.json")


def test_every_setting_of_the_api_has_a_control(service, visitors, description):
    page = visitors.sign_in(service, "creator", at="#/create")
    expect(page.get_by_role("heading", name="Create images")).to_be_visible()
    names = request_of(description)["properties"]
    assert len(names) > 15
    for name in names:
        expect(page.locator(f"#{ELSEWHERE.get(name, name)}"), name).to_have_count(1)


def test_bounds_come_from_the_description(service, visitors, description):
    page = visitors.sign_in(service, "creator", at="#/create")
    properties = request_of(description)["properties"]
    for name, attributes in {
        "prompt": {"maxlength": "maxLength"},
        "title": {"maxlength": "maxLength"},
        "steps": {"min": "minimum", "max": "maximum"},
        "width": {"min": "minimum", "max": "maximum", "step": "multipleOf"},
        "count": {"min": "minimum", "max": "maximum"},
    }.items():
        for attribute, keyword in attributes.items():
            expect(page.locator(f"#{name}")).to_have_attribute(attribute, str(properties[name][keyword]))


def test_a_new_setting_appears_is_sent_and_comes_back(service, visitors, description):
    request_of(description)["properties"].update(NEW)
    page = visitors.sign_in(service, "creator", at="#/library")
    page.route("**/openapi.json", lambda route: route.fulfill(json=description))
    sent = []

    def create(route):
        """Keeps what is new from the real service, which does not know it."""
        body = json.loads(route.request.post_data)
        sent.append({name: body.pop(name) for name in NEW if name in body})
        route.continue_(post_data=json.dumps(body))

    page.route("**/v1/tasks", create)
    page.get_by_role("link", name="Create").click()
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_text("Advanced").click()
    expect(page.get_by_text("How sharp it is.")).to_be_visible()
    expect(page.get_by_label("Passes")).to_have_attribute("placeholder", "2")
    page.get_by_label("Sharpness").fill("0.25")
    page.get_by_label("Passes").fill("3")
    page.get_by_label("Tiling").select_option("Off")
    page.get_by_label("Palette").select_option("Cold blue")
    page.get_by_label("Note to worker").fill("slowly")
    page.get_by_label("Canvas size 1").fill("64")
    page.get_by_label("Canvas size 2").fill("32")
    page.get_by_label("Styles").fill("flat, bold")
    page.get_by_role("button", name="Labels: add").click()
    page.get_by_label("Labels: name 1").fill("shop")
    page.get_by_label("Labels: value 1").fill("Berlin")
    page.get_by_label("Margin").fill('{"x": 1}')

    # What was typed comes back through the same list.
    page.get_by_role("link", name="Library").click()
    page.get_by_role("link", name="Create").click()
    expect(page.get_by_label("Sharpness")).to_have_value("0.25")
    expect(page.get_by_label("Labels: value 1")).to_have_value("Berlin")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("Added to the queue.")).to_be_visible()
    assert sent == [FILLED]


def test_settings_are_reused_with_the_seed_or_without(service, visitors):
    creator = service.person("creator")
    interval, metadata = [0.2, 0.8], {"campaign": "spring"}
    task = creator.generate(seed=5, steps=7, guidance_interval=interval, metadata=metadata)
    page = visitors.sign_in(service, "creator", at=f"#/task/{task}")
    page.get_by_role("link", name="Reuse settings").click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("5")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("7")
    expect(page.get_by_label("Guidance interval 2")).to_have_value("0.8")
    page.go_back()
    page.get_by_role("button", name="New seed").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value("7")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("")
    page.get_by_role("button", name="Generate").click()
    made = until(lambda: [other for other in creator.tasks() if other["id"] != task], "another task")[0]
    settings = made["attempt"]["settings"]
    assert (settings["steps"], settings["guidance_interval"]) == (7, interval) and settings["seed"] != 5


def test_a_retry_leaves_to_the_model_what_the_form_leaves_empty(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer")
    task = creator.generate(seed=5, steps=7, count=2, guidance_scale=4)
    reviewer.move(task, "reject", reason="Too red")
    page = visitors.sign_in(service, "creator", at=f"#/create/{task}")
    expect(page.get_by_label("Title")).to_have_count(0)
    page.get_by_label("Steps", exact=True).fill("")
    page.get_by_label("Images", exact=True).fill("1")
    page.get_by_role("button", name="Try again").click()
    settings = until(lambda: (seen := creator.task(task)["attempt"])["number"] == 2 and seen, "a retry")["settings"]
    assert "steps" not in settings
    assert (settings["count"], settings["guidance_scale"], settings["seed"]) == (1, 4, 5)


def test_what_the_service_refuses_leads_to_its_field(service, visitors):
    page = visitors.sign_in(service, "creator", at="#/create")
    page.watch.expect("400|422")
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_text("Advanced").click()
    page.get_by_label("Guidance interval 1").fill("0.9")
    page.get_by_label("Guidance interval 2").fill("0.1")
    page.get_by_text("Advanced").click()
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("alert").get_by_role("link", name="Guidance interval").click()
    expect(page.get_by_label("Guidance interval 1")).to_be_focused()
