"""Small servers on free ports of this machine."""

import contextlib
import socket
import sys
import threading
from http.server import ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server for many callers at once."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # Browsers hang up as they please.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def free_port():
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def serving(handler, port=0):
    """The address of a server as long as the block runs; port 0 is a free one."""
    with Server(("127.0.0.1", port), handler) as server:
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
