"""What goes wrong while people decide, and what the service holds afterwards: each hazard with each way to decide."""

import statistics
import subprocess
import time

import pytest
from playwright.sync_api import expect

import rows
from pages import HELD, loaded
from people import until
from service import EASEL, Service, environment

UNREACHABLE = "ERR_(INTERNET_DISCONNECTED|NETWORK_CHANGED|CONNECTION_RESET)"
ACTIONS = ["approve", "reject", "publish", "undo", "bulk"]
KEYS = {"approve": "a", "reject": "r", "publish": "b", "undo": "a", "bulk": "a"}
# What becomes of the task in view.
BECOMES = {"approve": "approved", "reject": "rejected", "publish": "published", "undo": "awaiting_approval"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A service for all of these tests."""
    with Service(tmp_path_factory.mktemp("safety")) as service:
        yield service


# Has every image requested again, where none comes from.
BREAK = """() => {
    for (const image of document.querySelectorAll('main img')) image.src = image.src.replace('/images/', '/images/no/')
}"""


class Scene:
    """A reviewer, Ada, looks at the newest of three tasks; a fourth person knows what the service holds."""

    def __init__(self, shared, visitors, action):
        self.service, self.action = shared, action
        creator, self.truth = shared.person("creator"), shared.person("admin", "rita")
        self.tasks = [creator.generate(title=f"Heart {number}", steps=1) for number in range(3)]
        if action == "publish":
            for task in self.tasks:
                self.truth.move(task, "approve")
        self.page = visitors.sign_in(shared, name="ada")
        if action == "publish":
            self.page.get_by_label("Show").select_option("Approved, not published")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Heart 2")
        loaded(self.page, ".stage img")
        expect(self.page.get_by_label("Queue").get_by_role("listitem")).to_have_count(3)
        loaded(self.page, ".queue li:last-child img")
        if action == "bulk":
            for number in (0, 1):
                self.page.get_by_label(f"Select Heart {number}").check()
        self.page.clock.install()

    @property
    def begun(self):
        return "approved" if self.action == "publish" else "awaiting_approval"

    def press(self, times=1):
        """Presses the key, or holds it down."""
        for _ in range(times):
            self.page.keyboard.down(KEYS[self.action])
        self.page.keyboard.up(KEYS[self.action])

    def decide(self, times=1):
        """Decides by keys."""
        self.press(times)
        if self.action == "reject":
            self.page.get_by_label("Reason", exact=True).fill("Too red")
            self.page.keyboard.press("Control+Enter")
        expect(self.undo).to_be_visible()
        if self.action == "undo":
            self.page.keyboard.press("u")
            expect(self.undo).to_have_count(0)

    @property
    def undo(self):
        return self.page.get_by_role("button", name="Undo", exact=False).first

    def pass_time(self):
        self.page.clock.run_for(2 * HELD)

    def holds(self, *statuses):
        """Waits until the service holds these, and sees that it goes on doing so."""
        until(lambda: self.statuses() == list(statuses), f"{statuses}")
        self.pass_time()
        assert self.statuses() == list(statuses)

    def statuses(self):
        return [self.truth.task(task)["status"] for task in self.tasks]

    def holds_the_decision(self):
        if self.action == "bulk":
            self.holds("approved", "approved", "awaiting_approval")
        else:
            self.holds(self.begun, self.begun, BECOMES[self.action])

    def holds_nothing_new(self):
        self.pass_time()
        self.holds(self.begun, self.begun, self.begun)

    def end(self):
        for task in self.tasks:
            self.truth.call("DELETE", f"/v1/tasks/{task}")


@pytest.fixture
def scene(shared, visitors, action):
    scene = Scene(shared, visitors, action)
    yield scene
    scene.end()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_key_that_is_held_down_decides_once(scene):
    scene.decide(times=20)
    scene.pass_time()
    scene.holds_the_decision()


@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_decides_on_an_image_that_is_broken(scene):
    page = scene.page
    page.watch.expect("ERR_FAILED")
    page.route("**/*.png*", lambda route: route.abort())
    page.route("**/images/**", lambda route: route.abort())
    page.keyboard.press("j")
    page.evaluate(BREAK)
    broken = "[...document.querySelectorAll('main img')].every(image => image.naturalWidth === 0)"
    until(lambda: page.evaluate(broken), "broken images")
    scene.press()
    expect(scene.undo).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    scene.holds_nothing_new()


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_decided_offline_is_sent_later(scene):
    page = scene.page
    page.watch.expect(UNREACHABLE)
    page.context.set_offline(True)
    scene.decide()
    scene.holds_nothing_new()
    page.context.set_offline(False)
    scene.pass_time()
    scene.holds_the_decision()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_session_that_is_over_loses_no_decision(scene):
    page, service = scene.page, scene.service
    page.watch.expect("401")
    scene.decide()
    line = [EASEL, "token", "revoke", "ada", "--data", service.folder / "data"]
    subprocess.run(line, check=True, capture_output=True, env=environment())
    scene.pass_time()
    expect(page.get_by_text("Your session has expired")).to_be_visible()
    scene.holds_nothing_new()
    page.get_by_label("Token").fill(service.token("reviewer", "ada"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation").get_by_role("link").first.wait_for()
    scene.pass_time()
    scene.holds_the_decision()


@pytest.mark.parametrize("action", ACTIONS)
def test_of_two_people_the_first_decides(scene):
    page, truth = scene.page, scene.truth
    page.watch.expect("412|409")
    scene.decide()
    # Rita is faster: what Ada decided has not been sent.
    if scene.action == "publish":
        truth.move(scene.tasks[2], "publish")
        stands, refused = ("approved", "approved", "published"), "was not published: rita published it"
    elif scene.action == "bulk":
        truth.move(scene.tasks[0], "reject", reason="Too large")
        stands, refused = ("rejected", "approved", "awaiting_approval"), "was not approved: rita rejected it"
    else:
        truth.move(scene.tasks[2], "reject", reason="Too large")
        stands, refused = ("awaiting_approval", "awaiting_approval", "rejected"), "rita rejected it"
    scene.pass_time()
    scene.holds(*stands)
    if scene.action == "undo":
        expect(page.locator(".notice.wrong")).to_have_count(0)
    else:
        expect(page.locator(".notice.wrong")).to_contain_text(refused)
    if scene.action in ("approve", "reject", "undo"):
        assert truth.task(scene.tasks[2])["attempt"]["rejection"]["by"] == "rita"


@pytest.mark.parametrize("action", ACTIONS)
def test_full_screen_decides_on_what_it_shows(scene):
    page = scene.page
    page.keyboard.press("f")
    expect(page.locator(".panel:fullscreen .asked")).to_contain_text("Heart 2")
    scene.press()
    if scene.action == "reject":
        page.get_by_label("Reason", exact=True).fill("Too red")
        page.keyboard.press("Control+Enter")
    expect(page.locator(":fullscreen .notice")).to_be_visible()
    if scene.action == "undo":
        page.keyboard.press("u")
    scene.pass_time()
    scene.holds_the_decision()


MANY = 60
# What the artist asks for meanwhile.
MORE = 3


def test_two_reviewers_and_an_artist_work_by_keys_alone(service, visitors):
    """Sixty tasks say in their title what is to become of them; nothing else does."""
    creator, truth = service.person("creator"), service.person("admin", "rita")
    verdicts = ["keep" if number % 3 else "drop" for number in range(MANY)]
    first = creator.generate(title="keep this", steps=1)
    tasks = rows.copies(service, first, [{"title": f"{verdict} {number}"} for number, verdict in enumerate(verdicts)])
    expected = {first: "approved"} | {
        task: "approved" if verdict == "keep" else "rejected" for task, verdict in zip(tasks, verdicts, strict=True)
    }
    ada, ben = visitors.sign_in(service, name="ada"), visitors.sign_in(service, name="ben")
    artist = visitors.sign_in(service, "creator", "creator", at="#/create")
    for page in (ada, ben):
        # Both may decide on the same one in the middle, and the second is told. Copies have no history to show.
        page.watch.expect("412|409|404")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    ben.get_by_label("Order").focus()
    ben.keyboard.press("l")
    expect(ben.get_by_role("heading", level=1)).to_have_text("drop 0")
    ben.get_by_label("Queue").get_by_role("button").first.focus()
    expect(artist.get_by_label("Prompt", exact=True)).to_be_visible()

    times = []
    for turn in range(MANY):
        for page in (ada, ben):
            if took := decide(page):
                times.append(took)
        if turn < MORE:
            artist.keyboard.press("p")
            artist.keyboard.press("Control+a")
            artist.keyboard.type(f"a small red star, number {turn}")
            artist.keyboard.press("Control+Enter")
            expect(artist.get_by_label("Your recent images")).to_contain_text(f"number {turn}")
        if not decidable(ada) and not decidable(ben):
            break

    def decided():
        return all(truth.task(task)["status"] != "awaiting_approval" for task in expected)

    until(decided, "every decision is sent")
    assert {task: truth.task(task)["status"] for task in expected} == expected
    more = [task for task in truth.tasks() if task["id"] not in expected]
    assert len(more) == MORE and all(task["status"] in ("pending", "in_progress", "awaiting_approval") for task in more)
    print(f"{len(times)} decisions, {statistics.median(times) * 1000:.0f} ms each (median, with the test's own looks)")


def decidable(page):
    """The title of the task in view, if it waits for somebody who does what it says."""
    heading = page.get_by_role("heading", level=1)
    title = heading.text_content() if heading.count() else ""
    return title if title.startswith(("keep", "drop")) and left(page) else ""


def left(page):
    """How many tasks wait."""
    return page.get_by_label("Queue").get_by_role("listitem").count()


def decide(page):
    """Does what the title says, by keys; how long that took, in seconds, or nothing where nothing is left."""
    approve = page.get_by_role("button", name="Approve", exact=True)
    enabled = page.get_by_role("button", name="Approve", exact=True, disabled=False)
    reason = page.get_by_label("Reason", exact=True)

    def overtaken():
        """Whether the other one's decision has come first, at any moment: the next task is gone to then."""
        if not decidable(page) or approve.count() or reason.count():
            return False
        page.keyboard.press("j")
        return True

    def ready():
        title = decidable(page)
        return not title or (not overtaken() and enabled.count() and decidable(page) == title)

    until(ready, "a task with its image")
    title = decidable(page)
    if not title:
        return None
    began = time.monotonic()
    if title.startswith("keep"):
        page.keyboard.press("a")
    else:
        page.keyboard.press("r")
        until(lambda: reason.count() or overtaken(), f"the question about {title}")
        if reason.count():
            page.keyboard.type("Not wanted")
            page.keyboard.press("Control+Enter")
    until(lambda: decidable(page) != title or overtaken(), f"the task after {title}")
    return time.monotonic() - began
