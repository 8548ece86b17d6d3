"""moto's server on a given port, answering one call at a time: its tables break when several write at once."""

import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

# It waits for a message, and others may send one meanwhile.
WAITING = "AmazonSQS.ReceiveMessage"


class OneAtATime:
    """An application of WSGI that several may call, and one gets in."""

    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()

    def __call__(self, environment, start):
        if environment.get("HTTP_X_AMZ_TARGET") == WAITING:
            return self.application(environment, start)
        with self.lock:
            return self.application(environment, start)


if __name__ == "__main__":
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
