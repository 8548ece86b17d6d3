"""Checks that what Python's tools are made of is pinned, with hashes: `make pins` does it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What builds the packages that run in accounts, and what deploys them.
PINNED = ("tests/requirements.txt", "infra/requirements.txt")
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", re.MULTILINE)


def pins(path):
    """The versions that a file names, by package."""
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(path.read_text())}


def problems(name):
    """What is wrong with the lock of a list of tools."""
    wanted, lock = ROOT / name, (ROOT / name).with_suffix(".lock")
    locked = pins(lock) if lock.exists() else {}
    for package, version in pins(wanted).items():
        if locked.get(package) != version:
            yield f"{name} wants {package} {version}, and {lock.name} has {locked.get(package)}: run make pins"
    for entry in re.split(r"\n(?=\S)", lock.read_text()) if locked else ():
        if PIN.match(entry) and "--hash=sha256:" not in entry:
            yield f"{lock.name} has no hash of {PIN.match(entry)[1]}: run make pins"


if __name__ == "__main__":
    sys.exit("\n".join(problem for name in PINNED for problem in problems(name)) or None)
