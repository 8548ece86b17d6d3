"""One machine where people sign in with OpenID Connect: the service checks the provider's tokens itself."""

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

import openid
from pages import link, loaded, sign_out
from people import Person
from service import Service

REFUSED = "401"


@pytest.fixture
def provider():
    with openid.issuing() as provider:
        yield provider


def options(provider, *more):
    return ["--issuer", provider.issuer, "--client-id", openid.CLIENT, "--role-claim", "groups", *more]


@pytest.fixture
def service(tmp_path, provider):
    with Service(tmp_path, options=options(provider)) as service:
        yield service


def sign_in(page):
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()


def test_the_code_flow_at_the_services_own_address(service, provider, visitors):
    provider.person = ("grace", "reviewer")
    Person(service.api, "grace", "reviewer", provider.token("grace", "reviewer")).generate(title="The heart")
    page = visitors.open(f"{service.api}/#/library")
    sign_in(page)
    expect(page).to_have_url(f"{service.api}/#/library")
    expect(page.get_by_role("banner")).to_contain_text("gracereviewer")
    expect(page.get_by_role("main")).to_contain_text("The heart")
    loaded(page, "main img")
    [asked] = provider.authorizations
    assert (asked["redirect_uri"], asked["code_challenge_method"]) == (f"{service.api}/", "S256")
    # The provider's session ends as well.
    sign_out(page, provider)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert len(provider.departures) == 1


def test_links_sign_in_as_well_and_ask_who_is_signed_in(service, provider, visitors):
    page = visitors.open(link(service, "creator", "carla"))
    expect(page.get_by_role("banner")).to_contain_text("carla")
    provider.person = ("grace", "reviewer")
    page = visitors.open(service.api)
    sign_in(page)
    expect(page.get_by_role("banner")).to_contain_text("grace")
    page.goto(link(service, "creator", "mallory"))
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("banner")).to_contain_text("grace")


def test_links_can_be_switched_off(tmp_path, provider, visitors):
    with Service(tmp_path, options=options(provider, "--no-links")) as service:
        page = visitors.open(f"{link(service, 'admin', 'mallory')}")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_label("Token")).to_have_count(0)
        assert "code=" not in service.ready["desk"]
        request = urllib.request.Request(f"{service.api}/v1/sign-in", data=b"{}", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 404
        # Programs go on with tokens.
        assert service.person("creator").call("GET", "/v1/identity")["name"] == "creator"


def test_only_this_services_tokens_with_a_known_key_are_good(service, provider):
    def status(token):
        request = urllib.request.Request(f"{service.api}/v1/identity", headers={"authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert status(provider.token("grace", "admin")) == 200
    assert status(provider.token("grace", "owner")) == 401
    provider.audience = "another service"
    assert status(provider.token("grace", "admin")) == 401
    provider.audience = openid.CLIENT
    provider.lifetime = -120
    assert status(provider.token("grace", "admin")) == 401
    provider.lifetime = 3600
    old = provider.token("grace", "admin")
    provider.rotate()
    assert status(provider.token("grace", "admin")) == 200
    assert status(old) == 401


def test_a_provider_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(AssertionError, match="--issuer: http://127.0.0.1:9"):
        Service(tmp_path, options=["--issuer", "http://127.0.0.1:9", "--client-id", "x"]).start()
