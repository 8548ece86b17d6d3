"""Pages of the desk in the browser, and what they report as wrong."""

import base64
import json
import re

from people import until

# How long the desk holds a decision, in milliseconds.
HELD = 10_000


class Watch:
    """The errors in a page's console, breaches of its Content-Security-Policy among them."""

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.expected = []
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.errors.append(f"not caught: {error}"))

    def heard(self, message):
        if message.type in ("error", "warning"):
            place = message.location or {}
            self.errors.append(f"{message.text} ({place.get('url', '')}:{place.get('lineNumber', '')})")

    def expect(self, pattern):
        """Lets what matches pass: the browser itself reports every refused or broken request."""
        self.expected.append(pattern)

    def check(self):
        wrong = [error for error in self.errors if not any(re.search(pattern, error) for pattern in self.expected)]
        assert not wrong, "the console reports:\n" + "\n".join(wrong)


class Visitors:
    """People with a browser each; nobody shares cookies or storage."""

    def __init__(self, browser):
        self.browser = browser
        self.contexts = []
        self.watches = []

    def open(self, address, watched=True, **options):
        """A page at the address."""
        context = self.browser.new_context(**({"locale": "en-GB", "reduced_motion": "reduce"} | options))
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.watch = Watch(page)
        if watched:
            self.watches.append(page.watch)
        page.goto(address)
        return page

    def sign_in(self, service, role="reviewer", name=None, at="#/review", **options):
        """A page that somebody opened with the link that the service prints, at a place of the desk."""
        page = self.open(link(service, role, name), **options)
        page.get_by_role("navigation").get_by_role("link").first.wait_for()
        go(page, at)
        return page

    def leave(self):
        """Closes everything; an error in a page's console fails the test."""
        for context in self.contexts:
            context.close()
        for watch in self.watches:
            watch.check()


def link(service, role, name=None):
    """A link that signs in once."""
    return service.link(role, name or role)


def holds(page, expression):
    """Waits until the expression holds. The page's policy keeps Playwright from waiting in the page itself."""
    until(lambda: page.evaluate(expression), expression)


def loaded(page, selector):
    """Waits until the image is loaded."""
    page.locator(selector).first.wait_for()
    holds(page, f"document.querySelector({json.dumps(selector)})?.naturalWidth > 0")


def sign_out(page, provider):
    """Signs out here and at the provider, which has answered then; the page shows the sign-in before that."""
    with page.expect_response(lambda response: response.url.startswith(f"{provider.issuer}/logout")):
        page.get_by_role("button", name="Sign out").click()


def go(page, place):
    """Goes to a place of the desk as its own links do."""
    page.evaluate("place => { location.hash = place }", place)


def drop(page, name, data, kind="drop"):
    """Drops a file onto the page, or pastes it there."""
    page.evaluate(
        """([kind, name, data]) => {
            const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0))
            const transfer = new DataTransfer()
            transfer.items.add(new File([bytes], name, { type: 'image/png' }))
            const init = { bubbles: true, cancelable: true }
            document.querySelector('main').dispatchEvent(kind === 'drop'
                ? new DragEvent('drop', { ...init, dataTransfer: transfer })
                : new ClipboardEvent('paste', { ...init, clipboardData: transfer }))
        }""",
        [kind, name, base64.b64encode(data).decode()],
    )
