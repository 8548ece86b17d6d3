"""The page carries on when the service or the network goes away and comes back."""

from playwright.sync_api import expect

from pages import HELD, loaded

# What the browser itself reports about requests that reach nobody.
UNREACHABLE = "ERR_(INTERNET_DISCONNECTED|NETWORK_CHANGED|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)"
LOST = "Can't reach Easel"


def approve(page):
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def test_the_service_starts_again_while_the_page_is_open(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    first = creator.generate(title="Before")
    page = visitors.sign_in(service)
    page.watch.expect(UNREACHABLE)
    expect(page.get_by_label("Queue")).to_contain_text("Before")
    page.clock.install()
    service.stop()
    approve(page)
    page.clock.run_for(HELD)
    expect(page.get_by_text(LOST)).to_be_visible()
    service.start()
    expect(page.get_by_text(LOST)).to_have_count(0)
    reviewer.until(first, "approved")
    # Images have other addresses now.
    creator.generate(title="After")
    expect(page.get_by_label("Queue")).to_contain_text("After")
    loaded(page, ".stage img")
    loaded(page, ".queue img")


def test_a_decision_made_offline_is_sent_later(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer", "rita")
    task = creator.generate()
    page = visitors.sign_in(service)
    page.watch.expect(UNREACHABLE)
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.clock.install()
    page.context.set_offline(True)
    approve(page)
    page.clock.run_for(HELD)
    expect(page.get_by_text(LOST)).to_be_visible()
    assert reviewer.task(task)["status"] == "awaiting_approval"
    page.context.set_offline(False)
    assert reviewer.until(task, "approved")["approval"]["by"] == "reviewer"
    page.clock.run_for(5000)
    expect(page.get_by_text(LOST)).to_have_count(0)
