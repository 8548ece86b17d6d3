"""A check of Schemathesis: no answer is much longer than its request."""

import schemathesis

# An answer may have so many times the bytes of the request, and so many bytes more.
TIMES = 20
MORE = 64_000
# What is asked for by its name or by a number of tasks or events is as long as it is, up to what an answer may be at all.
PAGES = ("/v1/tasks", "/v1/tasks/{id}/history", "/openapi.json")
MOST = 4_000_000


@schemathesis.check
def answer_is_in_proportion(context, response, case):
    sent = response.request
    asked = len(sent.url) + len(sent.body or b"") + sum(len(name) + len(value) for name, value in sent.headers.items())
    is_page = case.method == "GET" and case.path in PAGES and response.status_code == 200
    most = MOST if is_page else TIMES * asked + MORE
    answered = len(response.content)
    assert answered <= most, f"{asked} bytes are answered with {answered}"
