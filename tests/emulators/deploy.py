r"""Deploys the built functions to ministack, an emulator of AWS by others, and runs a command against them.

    PYTHONPATH=tests python -m emulators.deploy --functions target/lambda --generate target/release/generate \
        --logs target/emulators -- COMMAND ...

The command finds the deployment in the file that EASEL_TEST_DEPLOYMENT names. Without a command the deployment stays
until it is interrupted. What every function and worker asked of AWS is in LOGS/needs-*.jsonl afterwards.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from emulators import afterwards, container, housekeeping
from emulators.emulator import DELIVERIES, FUNCTIONS, GENERATE, OWN_ROLES, WORKER, Emulator
from emulators.processes import inherited, ministack, running
from emulators.recorder import recording

# Who has a door of their own to the emulator.
CALLERS = (*FUNCTIONS, *OWN_ROLES, GENERATE, WORKER, housekeeping.HOUSEKEEPING, housekeeping.COPIER)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=Path, required=True, help="where cargo lambda put the packages")
    generate = parser.add_mutually_exclusive_group(required=True)
    generate.add_argument("--generate", type=Path, help="the generate program, to poll the queue")
    generate.add_argument("--container-image", help="the same in a container of this image")
    parser.add_argument("--engine", default="podman", help="what runs the container: podman or docker")
    parser.add_argument("--on-lambda", action="store_true", help="have the generate function draw instead")
    parser.add_argument("--logs", type=Path, required=True, help="a folder for the deployment file and what is said")
    parser.add_argument("command", nargs="*", help="what to run against the deployment, after --")
    return parser.parse_args()


def main():
    given = arguments()
    given.logs.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        process, endpoint = stack.enter_context(ministack(given.logs))
        needs = given.logs / f"needs-{'on-lambda' if given.on_lambda else 'on-hosts'}.jsonl"
        doors = stack.enter_context(recording(endpoint, CALLERS, needs))
        emulator = Emulator(endpoint, doors)
        deployment, queue = emulator.deploy(given.functions)
        housekeeper = given.functions / housekeeping.HOUSEKEEPING / "bootstrap.zip"
        distribution = housekeeping.make_housekeeping(emulator, housekeeper.read_bytes())
        housekeeping.make_copier(emulator)
        generate = given.generate
        if given.container_image:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            generate = stack.enter_context(container.program(given.engine, given.container_image, scratch))
        emulator.make_generate(generate, queue, draws=given.on_lambda)

        def start_worker(log):
            own = {"EASEL_QUEUE_URL": queue, "EASEL_MAX_DELIVERIES": str(DELIVERIES)}
            environment = inherited() | emulator.environment(WORKER) | own
            return stack.enter_context(running([generate], environment, given.logs / log))

        def kill(worker):
            if given.container_image:
                container.kill(given.engine)
            else:
                worker.kill()
            worker.wait()

        worker = None if given.on_lambda else start_worker("generate.log")
        file = given.logs / "deployment.json"
        file.write_text(json.dumps(deployment, indent=2))
        print(f"deployed: {deployment['api']}, see {file}", flush=True)
        if not given.command:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
            return 0
        tested = os.environ | {"EASEL_TEST_DEPLOYMENT": str(file.resolve())}
        with housekeeping.reconciling(emulator):
            failed = subprocess.run(given.command, env=tested, check=False).returncode
            if not failed:
                afterwards.check(emulator, deployment, distribution)
                if given.on_lambda:
                    afterwards.a_function_short_of_time_hands_on(emulator, deployment)
                else:
                    afterwards.a_worker_that_is_stopped_hands_on(emulator, deployment, worker, start_worker, kill)
        return failed


if __name__ == "__main__":
    sys.exit(main())
