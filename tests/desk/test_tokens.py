"""The page for tokens."""

from playwright.sync_api import expect

from pages import go
from people import Person


def test_a_token_is_made_shown_once_and_revoked(service, visitors):
    page = visitors.sign_in(service, "creator", "carla", at="#/tokens")
    expect(page.get_by_role("heading", name="Tokens")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("carla")
    assert page.get_by_label("Role").locator("option").all_inner_texts() == ["creator"]
    rows = page.get_by_role("region", name="Tokens").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("this session")
    page.get_by_label("Good for").select_option("7 days")
    page.get_by_role("button", name="Create token").click()
    token = page.get_by_label("The new token").input_value()
    expect(rows).to_have_count(2)
    carla = Person(service.api, "carla", "creator", token)
    assert carla.call("GET", "/v1/identity")["name"] == "carla"
    page.get_by_role("button", name="Done").click()
    assert token not in page.content()

    rows.first.get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("refused at once")
    dialog.get_by_role("button", name="Revoke").click()
    expect(rows.first).to_contain_text("revoked")
    assert carla.call("GET", "/v1/identity")["status"] == 401


def test_an_admin_sees_and_makes_everybodys(service, visitors):
    service.token("creator", "carla")
    page = visitors.sign_in(service, "admin", "ada", at="#/tokens")
    rows = page.get_by_role("region", name="Tokens").locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Name").fill("dora")
    page.get_by_label("Role").select_option("reviewer")
    page.get_by_role("button", name="Create token").click()
    expect(rows.filter(has_text="dora")).to_contain_text("reviewer")
    rows.filter(has_text="carla").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(rows.filter(has_text="carla")).to_contain_text("revoked")


def test_the_page_is_found_by_ones_own_name(service, visitors):
    page = visitors.sign_in(service, "creator", "carla")
    page.get_by_role("banner").get_by_role("link", name="carla").click()
    expect(page.get_by_role("heading", name="Tokens")).to_be_visible()
    go(page, "#/library")
    expect(page.get_by_role("heading", name="Tokens")).to_have_count(0)
