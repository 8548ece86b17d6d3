"""Finding tasks again: filters in the address, saved views, labels, collections, the queue, styles."""

import json
import zipfile

from playwright.sync_api import expect

from pages import go
from people import until
from service import Service

# How an image looks does not matter here.
SMALL = {"width": 64, "height": 64, "steps": 2}


def tiles(page):
    return page.get_by_label("Tasks").get_by_role("listitem")


def test_filters_are_in_the_address(service, visitors):
    alice, robin = service.person("creator", "Alice"), service.person("reviewer", "robin")
    spring = alice.generate(title="Poster", tags=["Spring 2027"], count=2, **SMALL)
    alice.generate(title="Leaflet", tags=["summer"], **SMALL)
    robin.generate(title="Card", tags=["spring"], **SMALL)
    page = visitors.sign_in(service, "reviewer", "robin", at="#/library")
    expect(tiles(page)).to_have_count(3)
    page.get_by_label("Owner").fill("ali")
    expect(tiles(page)).to_have_count(2)
    page.get_by_label("Tag", exact=True).fill("spr")
    expect(tiles(page)).to_have_count(1)
    assert "owner=ali" in page.url and "tag=spr" in page.url
    until(lambda: page.locator("#library-tag-names option").count() == 2, "suggestions")
    page.reload()
    expect(tiles(page)).to_have_count(1)
    expect(page.get_by_label("Owner")).to_have_value("ali")
    # The view is a link: in another browser it is the same.
    other = visitors.sign_in(service, "reviewer", "rosa", at=page.url[page.url.index("#") :])
    expect(tiles(other)).to_have_count(1)
    expect(tiles(other)).to_contain_text("Poster")

    page.get_by_role("button", name="Save view").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Alice's spring")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Share").click()
    expect(page.get_by_text("Saved the view")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(tiles(page)).to_have_count(3)
    other.reload()
    other.get_by_role("button", name="Clear filters").click()
    expect(tiles(other)).to_have_count(3)
    other.get_by_label("Saved views").select_option("Alice's spring")
    expect(tiles(other)).to_have_count(1)
    page.get_by_label("Order").select_option("Oldest first")
    expect(tiles(page).first).to_contain_text("Poster")
    assert robin.get("/v1/views")["views"][0]["shared"] is True
    assert spring in [task["id"] for task in robin.tasks("owner=ALICE&tag=SPRING")]


def test_review_is_filtered_and_says_where_one_is(service, visitors):
    alice, bob = service.person("creator", "alice"), service.person("creator", "bob")
    for number in range(3):
        alice.generate(title=f"Heart {number}", count=2 if number == 0 else 1, **SMALL)
    bob.generate(title="Circle", **SMALL)
    page = visitors.sign_in(service, at="#/review")
    queue = page.get_by_label("Queue")
    expect(queue.get_by_role("status")).to_have_text("1 of 4")
    expect(queue.get_by_role("listitem").last).to_contain_text("alice")
    expect(queue.get_by_role("listitem").last).to_contain_text("2 images")
    page.keyboard.press("j")
    expect(queue.get_by_role("status")).to_have_text("2 of 4")
    page.get_by_text("More filters").click()
    queue.get_by_label("Owner").fill("BO")
    expect(queue.get_by_role("listitem")).to_have_count(1)
    expect(queue.get_by_role("status")).to_have_text("1 of 1")
    assert "owner=BO" in page.url
    page.reload()
    expect(queue.get_by_role("listitem")).to_have_count(1)


def test_review_says_how_many_wait_and_who_looks_at_them(service, visitors):
    creator, rita = service.person("creator"), service.person("reviewer", "rita")
    tasks = [creator.generate(title=f"Heart {number}", **SMALL) for number in range(3)]
    page = visitors.sign_in(service, at="#/review")
    expect(page.get_by_role("link", name="Review, 3 waiting")).to_be_visible()
    rita.call("PUT", f"/v1/tasks/{tasks[1]}/reviewer")
    page.get_by_text("More filters").click()
    queue = page.get_by_label("Queue")
    queue.get_by_label("Reviewed by").fill("RIT")
    expect(queue.get_by_role("listitem")).to_have_count(1)
    expect(queue.get_by_role("listitem")).to_contain_text("Heart 1")
    assert "reviewer=RIT" in page.url
    rita.move(tasks[0], "approve")
    expect(page.get_by_role("link", name="Review, 2 waiting")).to_be_visible()
    own = visitors.sign_in(service, "creator", at="#/library")
    expect(own.get_by_role("link", name="Library")).to_be_visible()
    expect(own.get_by_role("link", name="Review")).to_have_count(0)


def test_titles_and_tags_are_changed(service, visitors):
    creator = service.person("creator")
    task = creator.generate(title="Hart", tags=["red"], **SMALL)
    page = visitors.sign_in(service, "creator", at=f"#/task/{task}")
    page.get_by_role("button", name="Title and tags").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title", exact=True).fill("Heart")
    dialog.get_by_label("Tags").fill("red, Spring")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Heart", exact=True)).to_be_visible()
    expect(page.get_by_text("changed its title or tags")).to_be_visible()
    assert creator.task(task)["tags"] == ["red", "Spring"]


def test_many_are_labelled_and_downloaded(service, visitors):
    creator = service.person("creator")
    ids = [creator.generate(title=f"Heart {number}", **SMALL) for number in range(3)]
    page = visitors.sign_in(service, "reviewer", at="#/library")
    for number in (0, 2):
        page.get_by_label(f"Select Heart {number}").check()
    selection = page.get_by_label("Selection")
    expect(selection).to_contain_text("2 selected")
    with page.expect_download() as download:
        selection.get_by_role("button", name="Download ZIP").click()
    files = archive(download.value)
    assert [name.split("-")[0] for name in files] == ["001", "001", "002", "002"], files
    selection.get_by_role("button", name="Change tags").click()
    page.get_by_role("dialog").get_by_label("Add").fill("campaign")
    page.get_by_role("dialog").get_by_role("button", name="Change tags").click()
    expect(page.get_by_text("Labelled 2 tasks.")).to_be_visible()
    assert {task["id"] for task in creator.tasks("tag=campaign")} == {ids[0], ids[2]}
    expect(selection).not_to_contain_text("selected")


def archive(download):
    """The names of a ZIP file's parts, each of which is whole: images with their records beside them."""
    with zipfile.ZipFile(download.path()) as files:
        assert files.testzip() is None
        names = files.namelist()
        for name in names:
            content = files.read(name)
            if name.endswith(".png"):
                assert content.startswith(b"\x89PNG"), name
            else:
                assert json.loads(content)["settings"]["prompt"], name
        return names


def test_a_collection_is_ordered_and_downloaded(service, visitors):
    creator = service.person("creator")
    task = creator.generate(title="Heart", count=2, **SMALL)
    other = creator.generate(title="Circle", **SMALL)
    page = visitors.sign_in(service, "creator", at=f"#/task/{task}")
    page.get_by_role("button", name="Favourite").click()
    expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    assert creator.get("/v1/collections/favourites")["count"] == 1
    page.get_by_role("button", name="Add to a collection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Spring")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("“Spring” has 2 images.")).to_be_visible()
    [spring] = [made for made in creator.get("/v1/collections")["collections"] if made["name"] == "Spring"]
    creator.call("PATCH", f"/v1/collections/{spring['id']}", {"add": [{"task": other, "attempt": 1, "image": 0}]})

    page.get_by_role("navigation").get_by_role("link", name="Collections").click()
    page.get_by_role("link", name="Spring").click()
    images = page.get_by_role("list", name="Images").get_by_role("listitem")
    expect(images).to_have_count(3)
    page.get_by_role("link", name="3 of 3: Circle").press("Alt+ArrowLeft")
    expect(page.get_by_role("link", name="2 of 3: Circle")).to_be_focused()
    page.get_by_role("link", name="2 of 3: Circle").press("Alt+ArrowLeft")
    expect(page.get_by_role("link", name="1 of 3: Circle")).to_be_focused()
    place = f"/v1/collections/{spring['id']}"
    until(
        lambda: [image["title"] for image in creator.get(place)["images"]] == ["Circle", "Heart", "Heart"], "the order"
    )
    images.nth(2).drag_to(images.nth(0))
    until(lambda: creator.get(place)["images"][0]["image"] == 1, "the dragged image is the first")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP").click()
    assert len(archive(download.value)) == 6
    creator.call("DELETE", f"/v1/tasks/{other}")
    page.reload()
    expect(images).to_have_count(2)
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("1 more that are gone")


def test_the_queue_is_reordered_and_paused(tmp_path, visitors):
    with Service(tmp_path, draws=False) as service:
        alice, bob = service.person("creator", "alice"), service.person("creator", "bob")
        alice.request(title="First")
        last = alice.request(title="Last")
        bob.request(title="Other")
        page = visitors.sign_in(service, at="#/queue")
        row = page.get_by_role("row")
        expect(row).to_have_count(4)
        expect(page.get_by_role("row").nth(1)).to_contain_text("First")
        page.get_by_role("button", name="Generate “Last” first").click()
        expect(page.get_by_role("row").nth(1)).to_contain_text("Last")
        page.get_by_role("button", name="Pause all").click()
        page.get_by_role("dialog").get_by_role("button", name="Pause all").click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text("Paused by reviewer")
        assert alice.get("/health")["queue_paused"] is True
        own = visitors.sign_in(service, "creator", "bob", at="#/queue")
        expect(own.get_by_role("row")).to_have_count(2)
        expect(own.get_by_role("button", name="Pause all")).to_have_count(0)
        page.get_by_role("button", name="Resume all").click()
        expect(page.get_by_role("button", name="Pause all")).to_be_visible()
        assert bob.get("/health")["queue_paused"] is False
        assert alice.task(last)["status"] == "pending"


def test_people_see_when_it_is_their_turn(tmp_path, visitors):
    with Service(tmp_path, draws=False) as service:
        alice, bob = service.person("creator", "alice"), service.person("creator", "bob")
        bob.request(title="Other")
        first, second = alice.request(title="Heart"), alice.request(title="Star")
        page = visitors.sign_in(service, "creator", "alice", at="#/create")
        cards = page.get_by_label("Your recent images").get_by_role("article")
        expect(cards.filter(has_text="Heart")).to_contain_text("1st in the queue")
        # One of the other's comes in between.
        expect(cards.filter(has_text="Star")).to_contain_text("3rd in the queue")
        go(page, f"#/task/{second}")
        place = page.get_by_role("status").filter(has_text="in the queue")
        expect(place).to_have_text("3rd in the queue")
        service.person("reviewer").call("PUT", f"/v1/tasks/{second}/priority", {"priority": 9})
        expect(place).to_have_text("1st in the queue")
        service.person("reviewer").call("PUT", "/v1/queue", {"paused": True})
        expect(place).to_have_text("1st in the queue, which is paused")
        alice.move(first, "cancel")
        go(page, f"#/task/{first}")
        expect(page.get_by_text("Cancelled before an image was made")).to_be_visible()
        expect(place).to_have_count(0)


def test_what_is_being_generated_is_paused_with_the_queue(service, visitors):
    creator = service.person("creator")
    tasks = [creator.request(title=f"Long {number}", steps=150, width=512, height=512, count=2) for number in range(2)]
    running = until(
        lambda: next((task for task in tasks if creator.task(task)["status"] == "in_progress"), None), "a task"
    )
    page = visitors.sign_in(service, at="#/queue")
    page.get_by_role("button", name="Pause all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Also pause what is being generated").check()
    dialog.get_by_role("button", name="Pause all").click()
    expect(page.get_by_text("The queue is paused, and with it 1 task that was being generated.")).to_be_visible()
    assert creator.task(running)["status"] == "paused"
    page.get_by_role("button", name="Resume all").click()
    until(lambda: creator.task(running)["status"] in ("pending", "in_progress"), "it goes on")
    for task in tasks:
        creator.move(task, "cancel")


def test_the_system_says_how_much_room_there_is(service, visitors):
    service.person("creator").generate(**SMALL)
    page = visitors.sign_in(service, "admin", at="#/system")
    disk = page.get_by_role("region", name="Disk")
    expect(disk).to_contain_text("Free")
    expect(disk).to_contain_text(str(service.folder / "data"))
    other = visitors.sign_in(service, at="#/system")
    expect(other.get_by_role("region", name="Disk")).to_contain_text("Kept")
    expect(other.get_by_role("region", name="Disk")).not_to_contain_text("Data folder")


def test_a_style_is_applied_to_the_form(service, visitors):
    reviewer = service.person("reviewer", "robin")
    style = {"prompt": "ink, {prompt}", "negative_prompt": "photo", "settings": {"steps": 3}, "shared": True}
    reviewer.call("PUT", "/v1/styles/Ink", style)
    page = visitors.sign_in(service, "creator", at="#/create")
    page.get_by_label("Prompt", exact=True).fill("a heart")
    page.get_by_label("Style", exact=True).select_option("Ink (house style)")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("ink, a heart")
    expect(page.get_by_label("Negative prompt", exact=True)).to_have_value("photo")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("3")
    page.get_by_role("button", name="Save as style").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("My own")
    dialog.get_by_label("Prompt, where").fill("{prompt}, on paper")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved the style “My own”.")).to_be_visible()
    creator = service.person("creator")
    mine = creator.get("/v1/styles/My%20own")
    assert (mine["shared"], mine["prompt"], mine["settings"]["steps"]) == (False, "{prompt}, on paper", 3)
