"""What people write is shown as text, and nothing but the desk's own files runs."""

import base64
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import expect

import rows
from pages import drop, go, holds
from servers import serving

HOSTILE = [
    "<img src=x onerror=\"window.ran='img'\">",
    "<script>window.ran='script'</script>",
    "</textarea><svg onload=\"window.ran='svg'\">",
    "\u202egnp.exe\u2066 مرحبا بالعالم \u2069 שלום",
    "👩🏽‍🎨🖼️ {{7*7}} ${7*7} javascript:window.ran='url'",
]
ALL = " ".join(HOSTILE)
# What that would make if it were markup.
MADE = "[src=x], [onerror], [onload], script:not([src])"

# An image of one.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# Each tries to run what is not the desk's, the last two what `script-src` alone keeps from running.
INJECTIONS = {
    "code": "script.textContent = \"window.ran = 'code'\"; document.body.append(script)",
    "address": "script.src = address; document.body.append(script)",
    "text": "script.append(\"window.ran = 'text'\"); document.body.append(script)",
    "module": "await import(address)",
}


@pytest.fixture
def foreign():
    """A server with a script that is not the desk's."""

    class Foreign(BaseHTTPRequestHandler):
        asked = []

        def do_GET(self):
            self.asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/javascript")
            self.send_header("access-control-allow-origin", "*")
            self.end_headers()
            self.wfile.write(b"window.ran = 'foreign'")

        def log_message(self, *_):
            """The tests report what goes wrong."""

    with serving(Foreign) as Foreign.address:
        yield Foreign


def test_prompts_titles_reasons_tags_and_file_names_are_text(service, visitors):
    creator, reviewer = service.person("creator"), service.person("reviewer")
    task = creator.generate(ALL, title=ALL[:200], tags=HOSTILE[:2])
    reviewer.move(task, "reject", reason=ALL)
    creator.move(task, "retry")
    creator.until(task, "awaiting_approval")
    rows.update(service, task, source=f"uploads/{ALL}.txt")
    page = visitors.sign_in(service)
    for place in ("#/review", "#/library", f"#/task/{task}"):
        go(page, place)
        for text in HOSTILE:
            expect(page.get_by_role("main")).to_contain_text(text)
        assert page.locator(MADE).count() == 0
    # Names of files come from outside, too: of those dropped into S3, and of those dropped onto the page.
    expect(page.get_by_text(f"uploads/{ALL}.txt")).to_be_visible()
    go(page, "#/create")
    expect(page.get_by_role("heading", name="Create images")).to_be_visible()
    drop(page, f"{ALL}.png", PIXEL)
    expect(page.get_by_text(f"Starting image: {ALL}.png")).to_be_visible()
    assert page.locator(MADE).count() == 0
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS)
def test_an_injected_script_does_not_run(service, foreign, visitors, injection):
    page = visitors.sign_in(service, watched=False)
    page.evaluate(
        """() => {
            window.violated = []
            document.addEventListener('securitypolicyviolation', event => violated.push(event.effectiveDirective))
        }"""
    )
    page.evaluate(
        f"""async address => {{
            const script = document.createElement('script')
            try {{ {injection} }} catch {{ }}
        }}""",
        foreign.address,
    )
    holds(page, "violated.length > 0")
    assert set(page.evaluate("violated")) <= {"script-src", "script-src-elem", "require-trusted-types-for"}
    assert page.evaluate("window.ran") is None
    assert foreign.asked == []
