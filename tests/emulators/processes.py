"""Programs that run as long as they are needed."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SERVICES = "s3,dynamodb,sqs,lambda,apigateway,iam,sts,logs,cloudfront"
STARTING_SECONDS = 30


def inherited():
    """This process's environment without what would point others elsewhere."""
    ours = ("AWS_", "EASEL_", "LAMBDA_", "MINISTACK_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, environment, log):
    """A program that runs as long as the block does; what it says goes to the file `log`."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url, process, log):
    """Waits until the address answers."""
    deadline = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.1)
    sys.exit(f"{url} does not answer: see {log}")


@contextlib.contextmanager
def ministack(logs):
    """An emulator that runs as long as the block does: its process and its address."""
    # It unpacks functions into the folder for temporary files and leaves them there.
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        # It listens for devices on every address unless told otherwise.
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": SERVICES}
        settings |= {"IOT_MTLS_ENABLED": "0", "TMPDIR": scratch, "LAMBDA_EXECUTOR": "local"}
        log = logs / "ministack.log"
        program = Path(sys.executable).parent / "ministack"
        with running([program], inherited() | settings, log) as process:
            wait_until_ready(f"{endpoint}/_ministack/health", process, log)
            yield process, endpoint
