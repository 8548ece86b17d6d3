"""The runtime API of Lambda: a function's program asks it for events and gives it the answers."""

import contextlib
import json
import queue
import subprocess
import time
import uuid
from http.server import BaseHTTPRequestHandler

from servers import serving
from service import environment

FUNCTION_SECONDS = 30


class Function:
    """A function's program, which answers one event after the other."""

    def __init__(self):
        self.events = queue.Queue()
        self.running = {}

    def invoke(self, event):
        """What the function answers to an event."""
        answer = queue.Queue()
        self.events.put((str(uuid.uuid4()), event, answer))
        result = answer.get(timeout=FUNCTION_SECONDS)
        if isinstance(result, Exception):
            raise result
        return result


@contextlib.contextmanager
def running(program, variables, log):
    """The function of a program, as long as the block runs; its log goes to the file `log`."""
    function = Function()
    with serving(handler(function)) as address, open(log, "wb") as output:
        settings = {
            "AWS_LAMBDA_RUNTIME_API": address.removeprefix("http://"),
            "AWS_LAMBDA_FUNCTION_NAME": "desk",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": "us-east-1",
        }
        process = subprocess.Popen([program], env=environment() | settings | variables, stdout=output, stderr=output)
        try:
            yield function
        finally:
            process.kill()
            process.wait()


def handler(function):
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            # A function that is killed leaves this waiting, in a thread that nobody waits for.
            identifier, event, answer = function.events.get()
            function.running[identifier] = answer
            content = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("lambda-runtime-aws-request-id", identifier)
            self.send_header("lambda-runtime-deadline-ms", str(int((time.time() + FUNCTION_SECONDS) * 1000)))
            self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:0:function:desk")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            # An answer (invocation/ID/response), or an error of the event (ID/error) or of the start (init/error).
            *_, identifier, what = self.path.split("/")
            length = self.headers["content-length"]
            said = self.rfile.read(int(length)) if length else chunks(self.rfile)
            answer = function.running.pop(identifier, None)
            if answer:
                answer.put(json.loads(said) if what == "response" else RuntimeError(said.decode()))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Tests say what went wrong."""

    return RuntimeApi


def chunks(file):
    """A body whose length was not said before."""
    body = b""
    while length := int(file.readline(), 16):
        body += file.read(length)
        file.readline()
    file.readline()
    return body
