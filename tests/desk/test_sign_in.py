"""Who comes in and how: by the link that is printed on one machine, by OpenID Connect behind API Gateway."""

import re

import pytest
from playwright.sync_api import expect

import gateway
import openid
from pages import go, link, loaded, sign_out
from servers import free_port
from service import Service

# With how many tasks wait, if any do.
REVIEW = re.compile(r"^Review\s?\d*$")
PAGES = {
    "creator": ["Create", "Library", "Collections", "Queue", "System", "@0"],
    "reviewer": [REVIEW, "Create", "Library", "Collections", "Queue", "System", "@0"],
    "admin": [REVIEW, "Create", "Library", "Collections", "Queue", "System", "@0"],
}
REFUSED = "401"


@pytest.fixture
def port():
    """Where the gateway is."""
    return free_port()


@pytest.fixture
def service(tmp_path, port):
    """A service that knows the gateway, whose pages show its images."""
    with Service(tmp_path, public_url=f"http://127.0.0.1:{port}") as service:
        yield service


@pytest.fixture
def provider(service):
    with openid.providing(service) as provider:
        yield provider


@pytest.fixture
def address(service, provider, port):
    """Where the desk is that people sign in to with the provider."""
    with gateway.fronting(service, provider, port) as address:
        yield address


def links(page):
    return page.get_by_role("navigation").get_by_role("link")


def sign_in(page):
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def addresses(page):
    """Every address that the page's history has, as far as the page may know, and the one that it shows."""
    return [page.url, page.evaluate("location.href"), page.evaluate("document.referrer")]


@pytest.mark.parametrize("role", PAGES)
def test_the_link_signs_in_and_the_role_decides_what_is_shown(service, visitors, role):
    creator = service.person("creator", "somebody else")
    task = creator.generate(title="Another's heart")
    page = visitors.sign_in(service, role, "grace", at="#/library")
    expect(page.get_by_role("banner")).to_contain_text(f"grace{role}")
    expect(links(page)).to_have_text(PAGES[role])
    if role == "creator":
        page.watch.expect("404")
        expect(page.get_by_role("main")).to_contain_text("No tasks")
        go(page, "#/review")
        expect(page).to_have_url(f"{service.api}/#/create")
        go(page, f"#/task/{task}")
        expect(page.get_by_role("alert")).to_contain_text("no task")
    else:
        expect(page.get_by_role("main")).to_contain_text("Another's heart")
        expect(page.get_by_label("Owner")).to_be_visible()
        go(page, f"#/task/{task}")
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Delete")).to_have_count(1 if role == "admin" else 0)


def test_no_token_stays_in_the_address_and_every_tab_is_signed_in(service, visitors):
    page = visitors.open(link(service, "reviewer"))
    expect(links(page)).to_have_text(PAGES["reviewer"])
    assert not [address for address in addresses(page) if "code" in address or "eyJ" in address]
    assert page.evaluate("document.cookie + JSON.stringify(sessionStorage)").count("eyJ") == 0
    # Whoever signs in or out in one tab does so in all.
    page.reload()
    expect(links(page)).to_have_text(PAGES["reviewer"])
    other = page.context.new_page()
    other.goto(service.api)
    expect(links(other)).to_have_text(PAGES["reviewer"])
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("JSON.stringify(localStorage)").count("eyJ") == 0


def test_what_is_no_token_is_called_so(service, visitors):
    page = visitors.open(service.api)
    page.watch.expect(REFUSED)
    page.get_by_label("Token").fill("swordfish")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("isn't valid")
    page.get_by_label("Token").fill(service.token("admin", "grace"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("banner")).to_contain_text("grace")


def test_a_token_that_is_no_longer_good_leads_to_the_sign_in_and_back(service, visitors):
    page = visitors.sign_in(service, at="#/system")
    page.watch.expect(REFUSED)
    expect(page.get_by_role("heading", name="System")).to_be_visible()
    page.evaluate("localStorage.setItem('easel.token', 'e30.e30.e30')")
    go(page, "#/library")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Your session has expired")
    page.get_by_label("Token").fill(service.token("admin", "grace"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    expect(page.get_by_role("banner")).to_contain_text("grace")


def test_a_link_signs_in_once(service, visitors):
    address = link(service, "reviewer", "grace")
    page = visitors.open(address)
    expect(page.get_by_role("banner")).to_contain_text("grace")
    other = visitors.open(address)
    other.watch.expect(REFUSED)
    expect(other.get_by_text("was used or is too old")).to_be_visible()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    # A link can be pasted as well, and is used up just so.
    other.get_by_label("Token").fill(link(service, "reviewer", "robin"))
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("banner")).to_contain_text("robin")


@pytest.mark.parametrize("answer", ["Cancel", "Sign in"])
def test_who_is_signed_in_is_asked_before_a_link_makes_somebody_else_of_them(service, visitors, answer):
    page = visitors.sign_in(service, "reviewer", "grace")
    page.goto(link(service, "creator", "mallory"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("You are signed in already")
    expect(page.get_by_role("banner")).to_contain_text("grace")
    dialog.get_by_role("button", name=answer).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("banner")).to_contain_text("grace" if answer == "Cancel" else "mallory")
    page.reload()
    expect(page.get_by_role("banner")).to_contain_text("grace" if answer == "Cancel" else "mallory")


def test_no_token_in_an_address_signs_anybody_in(service, visitors):
    page = visitors.open(f"{service.api}/#token={service.token('admin', 'mallory')}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("JSON.stringify([localStorage, sessionStorage])").count("eyJ") == 0


def test_no_link_signs_in_where_a_provider_does(service, address, visitors):
    for secret in (f"token={service.token('admin', 'mallory')}", link(service, "admin", "mallory").split("#")[1]):
        page = visitors.open(f"{address}/#{secret}")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.evaluate("secret => { location.hash = '#' + secret + '0' }", secret)
        page.evaluate("secret => { location.hash = '#' + secret }", secret)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert page.evaluate("localStorage.getItem('easel.token')") is None


@pytest.mark.parametrize("role", PAGES)
def test_the_code_flow_with_pkce(service, provider, address, visitors, role):
    service.person("creator", "grace").generate(title="The heart")
    provider.person = ("grace", role)
    page = visitors.open(f"{address}/#/library")
    sign_in(page)
    expect(page).to_have_url(f"{address}/#/library")
    expect(page.get_by_role("banner")).to_contain_text(f"grace{role}")
    expect(links(page)).to_have_text(PAGES[role])
    expect(page.get_by_role("main")).to_contain_text("The heart")
    loaded(page, "main img")

    [asked], [exchanged] = provider.authorizations, provider.exchanges
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", openid.CLIENT, "openid")
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert asked["redirect_uri"] == f"{address}/" and len(asked["state"]) >= 32
    # The provider checks that what comes here is what the challenge was made from.
    assert len(exchanged["code_verifier"]) >= 43 and "client_secret" not in exchanged
    assert not [seen for seen in addresses(page) if "code" in seen or "state" in seen or "eyJ" in seen]
    page.go_back()
    assert "code" not in page.url

    page = visitors.open(f"{address}/#/library")
    sign_in(page)
    sign_out(page, provider)
    expect(page).to_have_url(f"{address}/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    # At the provider, too: by the names of the standard and of Amazon Cognito.
    home = {"post_logout_redirect_uri": f"{address}/", "logout_uri": f"{address}/"}
    assert provider.departures == [{"client_id": openid.CLIENT} | home]
    assert page.evaluate("JSON.stringify([localStorage, sessionStorage])").count("eyJ") == 0
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_response_that_was_not_requested_here_is_refused(provider, address, visitors):
    page = visitors.open(f"{address}/?code=stolen&state=guessed")
    expect(page.get_by_text("was not started in this tab")).to_be_visible()
    assert page.url == f"{address}/"
    assert provider.exchanges == []


def test_what_the_provider_refuses_is_shown(provider, address, visitors):
    page = visitors.open(address)
    page.watch.expect("400")
    provider.client = "another client"
    sign_in(page)
    expect(page.get_by_text("invalid_grant", exact=False)).to_be_visible()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_token_that_ran_out_is_followed_by_another(provider, address, visitors):
    provider.lifetime = 5
    page = visitors.open(f"{address}/#/system")
    page.watch.expect(REFUSED)
    sign_in(page)
    expect(page.get_by_role("heading", name="System")).to_be_visible()
    expect(page.get_by_text("Your session has expired")).to_be_visible()
    provider.lifetime = 3600
    sign_in(page)
    expect(page).to_have_url(f"{address}/#/system")
    expect(page.get_by_role("heading", name="System")).to_be_visible()
