"""What the service offers by name can be chosen in the form, and is shown with the task."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from people import PROMPT, until
from service import Service
from test_accessibility import findings

MODEL = Path(__file__).parents[2] / "model"
DEMO = MODEL / "demo/base"
FILES = MODEL / "tests/data/adapters/files"


@pytest.fixture
def offering(tmp_path):
    """A service with two models, two LoRAs and an embedding."""
    for name, file in {
        "loras/ink.safetensors": "lora/kohya.safetensors",
        "loras/people/pen.safetensors": "lora/locon.safetensors",
        "embeddings/easel-hands.safetensors": "embeddings/zorbglow.safetensors",
    }.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FILES / file, place)
    models = f"first={DEMO},second={DEMO}"
    places = ["--loras", tmp_path / "loras", "--embeddings", tmp_path / "embeddings"]
    with Service(tmp_path, options=["--models", models, *places]) as service:
        until(lambda: service.person("creator").get("/v1/offers")["loras"], "the worker says what it offers")
        yield service


def test_where_nothing_is_offered_nothing_is_to_be_chosen(service, visitors):
    page = visitors.sign_in(service, "creator", at="#/create")
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    for name in ("model", "loras", "embeddings"):
        expect(page.locator(f"#{name}")).to_have_count(1)
        expect(page.locator(f"#{name}")).to_be_hidden()


def test_what_is_offered_is_chosen_and_shown_with_the_task(offering, visitors):
    creator = offering.person("creator")
    page = visitors.sign_in(offering, "creator", at="#/create")
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    expect(page.get_by_label("Model", exact=True)).to_contain_text("Default (first)")
    page.get_by_label("Model", exact=True).select_option("second")
    page.get_by_label("Steps", exact=True).fill("2")
    page.get_by_role("button", name="Generate").click()
    drawn = until(lambda: [task for task in creator.tasks() if task["status"] == "awaiting_approval"], "an image")[0]
    [model] = creator.task(drawn["id"])["attempt"]["used"]
    assert (model["kind"], model["name"]) == ("model", "second")
    page.goto(f"{offering.api}/#/task/{drawn['id']}")
    expect(page.get_by_role("main")).to_contain_text("second, ")


def test_loras_and_embeddings_are_a_list_that_comes_back(offering, visitors):
    creator = offering.person("creator")
    page = visitors.sign_in(offering, "creator", at="#/create")
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Add LoRA").click()
    expect(page.get_by_label("LoRA 1", exact=True)).to_be_focused()
    page.get_by_label("LoRA 1", exact=True).fill("ink")
    page.get_by_label("Weight of LoRA 1").fill("-0.5")
    page.get_by_role("button", name="Add LoRA").click()
    page.get_by_label("LoRA 2", exact=True).fill("pen")
    page.get_by_role("button", name="Remove LoRA 2").click()
    page.get_by_role("button", name="Add Embedding").click()
    page.get_by_label("Embedding 1", exact=True).fill("easel-hands")
    assert not (wrong := findings(page)), "\n".join(wrong)
    page.get_by_role("button", name="Generate").click()
    [task] = until(creator.tasks, "a task")
    settings = task["attempt"]["settings"]
    assert (settings["loras"], settings["embeddings"]) == ([{"name": "ink", "weight": -0.5}], ["easel-hands"])
    used = until(lambda: creator.task(task["id"])["attempt"]["used"], "a claim")
    creator.until(task["id"], "awaiting_approval")
    assert [file["name"] for file in used] == ["first", "ink", "easel-hands"]
    page.goto(f"{offering.api}/#/task/{task['id']}")
    expect(page.get_by_role("main")).to_contain_text("ink × -0.5")
    expect(page.get_by_title(f"SHA-256 {used[1]['digest']}")).to_have_text(used[1]["digest"][:12])
    page.get_by_role("link", name="Reuse settings").click()
    expect(page.get_by_label("LoRA 1", exact=True)).to_have_value("ink")
    expect(page.get_by_label("Weight of LoRA 1")).to_have_value("-0.5")
    expect(page.get_by_label("Embedding 1", exact=True)).to_have_value("easel-hands")


def test_a_name_that_is_not_offered_leads_to_its_list(offering, visitors):
    page = visitors.sign_in(offering, "creator", at="#/create")
    page.watch.expect("400|422")
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Add LoRA").click()
    page.get_by_label("LoRA 1", exact=True).fill("pencil")
    page.get_by_role("button", name="Generate").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("there is no LoRA `pencil`: there are ink, pen")
    alert.get_by_role("link", name="LoRAs").click()
    expect(page.get_by_role("button", name="Add LoRA")).to_be_focused()
