"""Small servers on free ports of this machine."""

import contextlib
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


@contextlib.contextmanager
def serving(handler):
    """The address of a server as long as the block runs."""
    with Server(("127.0.0.1", 0), handler) as server:
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
