"""What API Gateway does in front of the functions: one address, where the desk has paths of its own and everything else
goes to the API."""

import contextlib
import http.client
import os
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from servers import serving
from service import EASEL, environment

# The desk with the configuration of its function; tests in Rust run the function itself.
DESK = Path(os.environ.get("EASEL_TEST_DESK", EASEL.parent / "examples/desk_alone"))
# About one connection, not about the message.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@contextlib.contextmanager
def fronting(service, provider, port):
    """The one address of the desk and of a service, where people sign in with `provider`."""
    variables = {
        "EASEL_IMAGES_ORIGIN": service.ready["s3_endpoint"],
        "EASEL_OIDC_ISSUER": provider.issuer,
        "EASEL_OIDC_CLIENT": provider.client,
    }
    with subprocess.Popen([DESK], stdout=subprocess.PIPE, env=environment() | variables, text=True) as desk:
        try:
            address = desk.stdout.readline().strip()
            assert address, f"{DESK} does not start"
            with serving(handler(address, service.api), port) as gateway:
                yield gateway
        finally:
            desk.kill()


def handler(desk, api):
    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise small responses wait for the reader's acknowledgement.
        disable_nagle_algorithm = True

        def forward(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = urlsplit(self.path).path
            target = desk if path == "/" or path.startswith("/desk/") else api
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=30)
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                content = response.read()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in OF_A_CONNECTION:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

        def log_message(self, *_):
            """The tests report what goes wrong."""

    return Gateway
