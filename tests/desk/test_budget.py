"""What the desk costs the browser before a person sees something."""

from playwright.sync_api import expect

from pages import link

FIRST_PAINT_BYTES = 100_000
FIRST_PAINT_REQUESTS = 16
# As a phone has it.
SLOWDOWN = 4
LAYOUT_SHIFT = 0.1

SHIFTS = """
    window.shifted = 0
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value
    }).observe({ type: 'layout-shift', buffered: true })
"""


def test_bytes_and_requests(service, browser):
    """Everything but images counts, whether it comes before the first paint or not."""
    service.person("creator").generate()
    context = browser.new_context()
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    requests, sizes = {}, {}
    devtools.on("Network.requestWillBeSent", lambda of: requests.update({of["requestId"]: of["request"]["url"]}))
    devtools.on("Network.loadingFinished", lambda of: sizes.update({of["requestId"]: of["encodedDataLength"]}))
    devtools.send("Network.enable")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.goto(link(service, "reviewer"))
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    ready = page.evaluate("performance.now()")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    own = {request: url for request, url in requests.items() if url.startswith(service.api) and "/objects/" not in url}
    size = sum(sizes.get(request, 0) for request in own)
    print(
        f"{len(own)} requests, {size} bytes; first paint after {painted:.0f} ms, ready after {ready:.0f} ms "
        f"on a processor {SLOWDOWN} times as slow as this one"
    )
    assert size < FIRST_PAINT_BYTES, own
    # What is asked again, by then or out of the cache, costs next to nothing.
    different = set(own.values())
    assert len(different) <= FIRST_PAINT_REQUESTS, " ".join(sorted(different))
    context.close()


def test_nothing_jumps(service, visitors):
    creator = service.person("creator")
    task = creator.generate(count=2)
    for place in ("#/review", "#/create", "#/library", "#/collections", "#/queue", "#/system", f"#/task/{task}"):
        page = visitors.open("about:blank")
        page.context.add_init_script(SHIFTS)
        page.goto(link(service, "reviewer"))
        page.get_by_role("navigation").get_by_role("link").first.wait_for()
        page.goto(f"{service.api}/{place}")
        page.reload()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_role("main")).not_to_be_empty()
        assert page.evaluate("shifted") < LAYOUT_SHIFT, place
