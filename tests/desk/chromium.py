"""The browser that tests the desk: the machine's own Chromium, or one that is installed now.

`python chromium.py` prints where it is."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

LOCK_SECONDS = 600
NAMES = ("chromium", "chromium-browser", "google-chrome")
# It runs as root in containers, needs no GPU, and must request nothing from the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    # Other machines do not exist.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


@functools.cache
def find():
    """The path of a Chromium."""
    return (
        installed()
        or from_debian()
        or from_playwright()
        or sys.exit(
            "chromium: Chromium is missing and could not be installed: run `apt-get install chromium`, or put a "
            f"program called {', '.join(NAMES[:-1])} or {NAMES[-1]} on the PATH"
        )
    )


def installed():
    return next(filter(None, map(shutil.which, NAMES)), None)


def from_debian():
    """The package of Debian and its derivatives, where this process may install one."""
    if not shutil.which("apt-get"):
        return None
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if sudo and not (shutil.which("sudo") and succeeds([*sudo, "true"])):
        return None
    print("chromium: not found; installing Debian's package `chromium`", file=sys.stderr, flush=True)
    # Another package manager may be at work: wait for it.
    wait = f"DPkg::Lock::Timeout={LOCK_SECONDS}"
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "--option", wait]
    # Lists of packages may be missing in a container, and old anywhere.
    succeeds([*apt, "update"])
    succeeds([*apt, "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
    return installed()


def from_playwright():
    """Playwright's own build, for machines without Debian's packages."""
    print("chromium: not found; installing Playwright's", file=sys.stderr, flush=True)
    if not succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def succeeds(command):
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def launch(playwright):
    """A browser without a window."""
    try:
        return playwright.chromium.launch(executable_path=find(), args=FLAGS)
    except Error as error:
        sys.exit(f"chromium: {find()} does not start: {error}")


if __name__ == "__main__":
    print(find())
