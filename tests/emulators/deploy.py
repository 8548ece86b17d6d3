"""Deploys the built functions to ministack, an emulator of AWS by others, and runs a command against them.

    python deploy.py --functions target/lambda --generate target/release/generate --logs target/emulators -- COMMAND ...

The command finds the deployment in the file that EASEL_TEST_DEPLOYMENT names. Without a command the deployment stays
until it is interrupted.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import container
from emulator import Emulator, package

SERVICES = "s3,dynamodb,sqs,lambda,apigateway,iam,sts,logs"
STARTING_SECONDS = 30


def inherited():
    """This process's environment without what would point others elsewhere."""
    ours = ("AWS_", "EASEL_", "LAMBDA_", "MINISTACK_")
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


def end(worker, log):
    """Tells a worker to end, which it does well or this program does not."""
    worker.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(timeout=20)
    if worker.poll() != 0:
        sys.exit(f"the worker did not end as it should when told to: {worker.poll()}; see {log}")


def wait_until_ready(endpoint, process, log):
    deadline = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2).close()
            return
        time.sleep(0.1)
    sys.exit(f"ministack does not answer: see {log}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=Path, required=True, help="where cargo lambda put the packages")
    generate = parser.add_mutually_exclusive_group()
    generate.add_argument("--generate", type=Path, help="the generate program, to poll the queue")
    generate.add_argument("--image", help="the same in a container of this image")
    parser.add_argument("--engine", default="podman", help="what runs the container: podman or docker")
    parser.add_argument("--on-lambda", action="store_true", help="run generate as a function instead")
    parser.add_argument("--logs", type=Path, required=True, help="a folder for the deployment file and what is said")
    parser.add_argument("command", nargs="*", help="what to run against the deployment, after --")
    return parser.parse_args()


def main():
    given = arguments()
    given.logs.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        # ministack unpacks functions into the folder for temporary files and leaves them there.
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        # It listens for devices on every address unless told otherwise.
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": SERVICES}
        settings |= {"IOT_MTLS_ENABLED": "0", "TMPDIR": scratch, "LAMBDA_EXECUTOR": "local"}
        log = given.logs / "ministack.log"
        ministack = stack.enter_context(
            running([Path(sys.executable).parent / "ministack"], inherited() | settings, log)
        )
        wait_until_ready(endpoint, ministack, log)
        emulator = Emulator(endpoint)
        deployment, queue = emulator.deploy(given.functions)
        generate = given.generate
        if given.image:
            generate = stack.enter_context(container.program(given.engine, given.image, Path(scratch)))
        if generate and given.on_lambda:
            emulator.feed_from_queue(emulator.make_function("generate", package(generate)))
        elif generate:
            environment = inherited() | emulator.environment() | {"EASEL_QUEUE_URL": queue}
            log = given.logs / "generate.log"
            worker = stack.enter_context(running([generate], environment, log))
            stack.callback(end, worker, log)
        file = given.logs / "deployment.json"
        file.write_text(json.dumps(deployment, indent=2))
        print(f"deployed: {deployment['api']}, see {file}", flush=True)
        if not given.command:
            with contextlib.suppress(KeyboardInterrupt):
                ministack.wait()
            return 0
        tested = os.environ | {"EASEL_TEST_DEPLOYMENT": str(file.resolve())}
        return subprocess.run(given.command, env=tested, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
