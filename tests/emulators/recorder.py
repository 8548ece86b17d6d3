"""Writes down what each program asks of AWS: each has a door of its own to the emulator."""

import contextlib
import dataclasses
import http.client
import http.server
import json
import sys
import threading
import urllib.parse

from emulators.actions import UnknownCall, needs

# About one connection, not about the message.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}
PATIENCE_SECONDS = 60


class Notes:
    """What was needed, by whom, in a file: a line for each need that is new."""

    def __init__(self, file):
        self.file = file
        self.seen = set()
        self.lock = threading.Lock()

    def add(self, caller, request, body, status):
        try:
            found = [dataclasses.asdict(need) for need in needs(*request, body, status)]
        except (UnknownCall, KeyError, ValueError) as problem:
            found = [{"unknown": f"{request[0]} {request[1]}: {problem!r}"}]
        with self.lock:
            for need in found:
                line = json.dumps({"caller": caller} | need)
                if line not in self.seen:
                    self.seen.add(line)
                    self.file.write(line + "\n")


class Server(http.server.ThreadingHTTPServer):
    """A server for many callers at once."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        # Callers hang up as they please.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def door(caller, upstream, notes):
    """What answers requests of one caller with what the emulator says."""

    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else small answers wait for the reader's acknowledgement.
        disable_nagle_algorithm = True

        def pass_on(self):
            if "transfer-encoding" in self.headers:
                return self.send_error(411, "The recorder wants to know the length")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            connection = http.client.HTTPConnection(upstream, timeout=PATIENCE_SECONDS)
            with contextlib.closing(connection):
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in OF_A_CONNECTION:
                        connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                content = answer.read()
            headers = {name.lower(): value for name, value in self.headers.items()}
            notes.add(caller, (self.command, self.path, headers), body, answer.status)
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in OF_A_CONNECTION | {"content-length"}:
                    self.send_header(name, value)
            # The answer to HEAD has the length of what it does not have.
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            self.send_header("content-length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

        def log_message(self, *_):
            """The emulator has a log."""

    return Door


@contextlib.contextmanager
def recording(endpoint, callers, path):
    """The address of each caller's door as long as the block runs; what they need goes to the file at `path`."""
    with open(path, "w", buffering=1) as file, contextlib.ExitStack() as stack:
        notes = Notes(file)
        doors = {}
        for caller in callers:
            handler = door(caller, urllib.parse.urlsplit(endpoint).netloc, notes)
            server = stack.enter_context(Server(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            doors[caller] = f"http://127.0.0.1:{server.server_port}"
        yield doors
