"""A team's server: people come from other machines, through a proxy with TLS and a path, or over plain HTTP."""

import re
import struct
import zlib

import pytest
from playwright.sync_api import expect

from other_machine import NAME, PORT, OtherMachine, nginx
from pages import Visitors, drop, go, loaded
from service import Service
from test_create import create, latest


@pytest.fixture
def machine(tmp_path):
    with OtherMachine(tmp_path) as machine:
        yield machine


@pytest.fixture
def elsewhere(machine, playwright):
    """People whose browser is on the other machine."""
    with machine.browser(playwright) as there:
        visitors = Visitors(there)
        yield visitors
        visitors.leave()


def square(side=64):
    """A PNG file of one colour, without anything said in it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\xd0\x20\x20" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def code(service, role, name):
    """What a link that signs in ends with."""
    return service.link(role, name).split("#")[1]


def test_from_the_request_to_the_public_image_through_tls_below_a_path(tmp_path, machine, elsewhere):
    public = f"https://{NAME}:{PORT}/studio"
    with Service(tmp_path, public_url=f"{public}/") as service, nginx(tmp_path, machine.host, service.api) as address:
        assert address == public
        assert service.printed("--role", "admin", "--name", "ada", "--link").startswith(f"{public}/#code=")
        creator = elsewhere.open(f"{address}/#{code(service, 'creator', 'carla')}", ignore_https_errors=True)
        seen = []
        creator.on("request", lambda request: seen.append(request.url))
        expect(creator.get_by_role("banner")).to_contain_text("carla")
        # Signed in in the next tab, too.
        second = creator.context.new_page()
        second.goto(f"{address}/#/create")
        expect(second.get_by_role("banner")).to_contain_text("carla")
        second.close()

        # An image to start from.
        go(creator, "#/create")
        drop(creator, "square.png", square())
        expect(creator.get_by_text("Starting image: square.png")).to_be_visible()
        create(creator, images=2)
        expect(latest(creator)).to_contain_text("Awaiting approval", timeout=90_000)
        loaded(creator, "article img")

        reviewer = elsewhere.open(f"{address}/#{code(service, 'reviewer', 'robin')}", ignore_https_errors=True)
        reviewer.on("request", lambda request: seen.append(request.url))
        loaded(reviewer, ".stage img")
        reviewer.get_by_role("button", name="Approve all 2").click()
        robin = service.person("reviewer", "robin")
        [task] = robin.tasks()
        assert task["attempt"]["settings"]["init_image"].startswith("inputs/")
        robin.until(task["id"], "approved")
        go(reviewer, f"#/task/{task['id']}")
        reviewer.get_by_role("button", name="Publish").click()
        shown = reviewer.get_by_label("About the task").get_by_role("link", name="image 2")
        expect(shown).to_be_visible()
        link = shown.get_attribute("href")
        assert link.startswith(f"{address}/public/{task['id']}/")

        nobody = elsewhere.open(link, ignore_https_errors=True)
        # Browsers ask for one where the service is not.
        nobody.watch.expect("favicon.ico")
        assert nobody.evaluate("document.images[0].naturalWidth") > 0
        robin.move(task["id"], "unpublish")
        assert nobody.goto(link).status == 404
        nobody.watch.expect("404")
        assert seen and all(url.startswith((f"{address}/", "blob:", "data:")) for url in seen), seen
        # Before the service and its proxy go, which pages would complain about.
        for page in (creator, reviewer, nobody):
            page.context.close()


def test_over_plain_http_at_another_address(tmp_path, machine, elsewhere):
    with Service(tmp_path, options=["--insecure-http"]) as service:
        service.stop()
        service.listen = f"{machine.host}:0"
        service.start()
        assert service.api.startswith(f"http://{machine.host}:")
        service.person("creator").generate(title="The heart")
        page = elsewhere.open(service.link("reviewer", "robin"))
        # Browsers say which of the headers they heed only with TLS.
        page.watch.expect("Cross-Origin-Opener-Policy")
        loaded(page, ".stage img")
        # Browsers have no clipboard here, so that the link is shown.
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("status").filter(has_text=f"{service.api}/#/task/")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name=re.compile("^Download")).first.click()
        assert download.value.suggested_filename.endswith(".png")


def test_the_name_of_nobody_is_refused(tmp_path, machine, elsewhere):
    """A page that had its own name lead here (DNS rebinding) sees nothing."""
    with Service(tmp_path, options=["--insecure-http"]) as service:
        service.stop()
        service.listen = f"{machine.host}:0"
        service.start()
        page = elsewhere.open(f"http://{NAME}:{service.listen.rsplit(':', 1)[1]}/", watched=False)
        expect(page.locator("body")).to_contain_text("wrong-door")
