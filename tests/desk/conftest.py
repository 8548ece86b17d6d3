"""The tests' fixtures."""

import pytest
from playwright.sync_api import expect, sync_playwright

import chromium
from pages import Visitors
from service import Service

# Other programs may keep the machine busy.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright):
    with chromium.launch(playwright) as browser:
        yield browser


@pytest.fixture
def service(tmp_path):
    """A service without any task."""
    with Service(tmp_path) as service:
        yield service


@pytest.fixture
def creator(service):
    return service.person("creator")


@pytest.fixture
def truth(service):
    """A reviewer beside the page."""
    return service.person("reviewer", "rita")


@pytest.fixture
def visitors(browser):
    visitors = Visitors(browser)
    yield visitors
    visitors.leave()
