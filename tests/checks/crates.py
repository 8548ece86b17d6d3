"""The table of crates in functions/README.md: what each is for, its lines of code, and the crates that it depends on.

    python3 tests/checks/crates.py            print the table, in the order of dependencies
    python3 tests/checks/crates.py --write    write it into functions/README.md
    python3 tests/checks/crates.py --check    fail if the table there is out of date

Lines are those of the Rust files in `src`, tests beside the code included, rounded. The check allows them to be off by
a tenth, so that not every change touches the table.
"""

import argparse
import os
import re
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
DOCUMENT = TOP / "functions" / "README.md"
BEGIN, END = "<!-- crates: python3 tests/checks/crates.py --write -->\n", "<!-- end of crates -->"
HEAD = "| crate | what it is for | lines | depends on |\n|---|---|---:|---|\n"
TOLERANCE = 0.1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    table = HEAD + "".join(row(crate) for crate in ordered(crates()))
    if not (arguments.write or arguments.check):
        print(table, end="")
        return
    before, written, after = parts(DOCUMENT.read_text())
    if arguments.write:
        DOCUMENT.write_text(before + table + after)
    elif not agree(written, table):
        sys.exit("functions/README.md: the table of crates is out of date: run python3 tests/checks/crates.py --write")


def crates():
    """Name, folder, description, lines and dependencies of each member of the workspace."""
    members = tomllib.loads((TOP / "Cargo.toml").read_text())["workspace"]["members"]
    manifests = {folder: tomllib.loads((TOP / folder / "Cargo.toml").read_text()) for folder in members}
    names = {manifest["package"]["name"] for manifest in manifests.values()}
    for folder, manifest in manifests.items():
        package = manifest["package"]
        yield {
            "name": package["name"],
            "folder": folder,
            "description": package["description"],
            "lines": lines(TOP / folder / "src"),
            "uses": sorted(names & manifest.get("dependencies", {}).keys()),
        }


def lines(folder):
    return sum(len(path.read_text().splitlines()) for path in folder.rglob("*.rs"))


def ordered(found):
    """Each crate after those that it depends on; those that are ready at the same time by name."""
    waiting = {crate["name"]: crate for crate in found}
    while waiting:
        ready = sorted(name for name, crate in waiting.items() if not waiting.keys() & set(crate["uses"]))
        if not ready:
            sys.exit(f"these crates depend on each other: {', '.join(sorted(waiting))}")
        yield from (waiting.pop(name) for name in ready)


def row(crate):
    uses = ", ".join(f"`{name.removeprefix('easel-')}`" for name in crate["uses"]) or "–"
    folder = os.path.relpath(TOP / crate["folder"], DOCUMENT.parent)
    return f"| [`{crate['name']}`]({folder}) | {crate['description']} | {rounded(crate['lines']):,} | {uses} |\n"


def rounded(count):
    """Two digits of the number, at least ten."""
    unit = 10 ** max(1, len(str(count)) - 2)
    return max(unit, round(count / unit) * unit)


def parts(text):
    """The document before the table, the table, and the document after it."""
    if BEGIN not in text or END not in text:
        sys.exit(f"functions/README.md: the table of crates stands between `{BEGIN.strip()}` and `{END}`")
    before, rest = text.split(BEGIN, 1)
    table, after = rest.split(END, 1)
    return before + BEGIN, table, END + after


def agree(written, table):
    """Whether two tables say the same, but for lines of code that are about as many."""
    number = re.compile(r"\| ([\d,]+) \|")
    if number.sub("", written) != number.sub("", table):
        return False
    counts = ([int(count.replace(",", "")) for count in number.findall(text)] for text in (written, table))
    return all(abs(old - new) <= max(20, TOLERANCE * new) for old, new in zip(*counts, strict=True))


if __name__ == "__main__":
    main()
