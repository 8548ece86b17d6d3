"""Programs that tests need and that Debian has: the machine's own, or its package, which is installed now."""

import os
import shutil
import subprocess
import sys

LOCK_SECONDS = 600


def program(name, package):
    """The path of a program; none if it is missing and this process may not install the package."""
    if path := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        return path
    if not shutil.which("apt-get"):
        return None
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if sudo and not (shutil.which("sudo") and succeeds([*sudo, "true"])):
        return None
    print(f"{name}: not found; installing Debian's package `{package}`", file=sys.stderr, flush=True)
    # Another package manager may be at work: wait for it. What is installed is not started.
    wait = f"DPkg::Lock::Timeout={LOCK_SECONDS}"
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    apt = [*sudo, *environment, "apt-get", "-qq", "--option", wait]
    succeeds([*apt, "update"])
    succeeds([*apt, "install", "--yes", "--no-install-recommends", package])
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def succeeds(command):
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0
