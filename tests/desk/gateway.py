"""What API Gateway does in front of the functions: the desk is one of its own, everything else goes to the API."""

import base64
import contextlib
import http.client
import os
import time
import uuid
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import runtime_api
from servers import serving
from service import EASEL

DESK = Path(os.environ.get("EASEL_TEST_DESK", EASEL.with_name("desk")))
# About one connection, not about the message.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@contextlib.contextmanager
def fronting(service, provider, folder):
    """The one address of the desk and of a service, where people sign in with `provider`."""
    variables = {
        "EASEL_PICTURES_ORIGIN": service.ready["s3_endpoint"],
        "EASEL_OIDC_ISSUER": provider.issuer,
        "EASEL_OIDC_CLIENT": provider.client,
    }
    with runtime_api.running(DESK, variables, folder / "desk.log") as desk, serving(handler(service, desk)) as address:
        yield address


def handler(service, desk):
    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else small answers wait for the reader's acknowledgement.
        disable_nagle_algorithm = True

        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            address = urlsplit(self.path)
            of_the_desk = address.path == "/" or address.path.startswith("/desk/")
            status, headers, content = self.invoke(address, body) if of_the_desk else self.pass_on(body)
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in OF_A_CONNECTION:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def invoke(self, address, body):
            answer = desk.invoke(event(self, address, body))
            content = answer.get("body") or ""
            content = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
            cookies = [("set-cookie", cookie) for cookie in answer.get("cookies") or []]
            return answer["statusCode"], [*(answer.get("headers") or {}).items(), *cookies], content

        def pass_on(self, body):
            connection = http.client.HTTPConnection(urlsplit(service.api).netloc, timeout=30)
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()

        def log_message(self, *_):
            """Tests say what went wrong."""

    return Gateway


def event(request, address, body):
    """A request in the payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": address.path,
        "rawQueryString": address.query,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": request.headers["host"],
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": request.command,
                "path": address.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "timeEpoch": int(time.time() * 1000),
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }
