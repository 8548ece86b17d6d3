"""A container image's program as ECS and Lambda start it: no user's rights, nothing but /tmp to write to."""

import contextlib
import os
import shlex
import subprocess
from pathlib import Path

# What the containers of this process are known by.
LABEL = f"easel.test={os.getpid()}"
# What of the environment goes in.
PASSED_ON = r"^\(AWS_[A-Z0-9_]*\|EASEL_[A-Z0-9_]*\)=.*"


@contextlib.contextmanager
def program(engine, container_image, folder):
    """A program in a folder that runs the container image each time it is started; none runs after the block."""
    command = [engine, "run", "--rm", "--init", "--network", "host", "--label", LABEL]
    command += ["--read-only", "--tmpfs", "/tmp:rw,nosuid,nodev,size=1g"]
    if Path(engine).name == "podman":
        # It would add more places to write to.
        command.append("--read-only-tmpfs=false")
    command += ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
    file = folder / "generate"
    variables = f"$(env | sed -n 's/{PASSED_ON}/--env \\1/p')"
    file.write_text(f"#!/bin/sh\nexec {shlex.join(command)} {variables} {shlex.quote(container_image)}\n")
    file.chmod(0o755)
    try:
        yield file
    finally:
        of_all(engine, "rm", "--force")


def kill(engine):
    """Ends all of them at once: a container outlives the command that started it."""
    of_all(engine, "kill", "--signal", "KILL")


def of_all(engine, *what):
    listing = [engine, "ps", "--quiet", "--filter", f"label={LABEL}"]
    running = subprocess.run(listing, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    if running:
        subprocess.run([engine, *what, *running], stdout=subprocess.DEVNULL, check=True)
