"""Checks the table of dependencies in Cargo.toml: each says what it is for, is used, and is pinned where it may break.

Members take all of theirs from that table. What a member names and does not use is cargo-machete's to find.
"""

import re
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
KINDS = ("dependencies", "dev-dependencies", "build-dependencies")


def main():
    text = (TOP / "Cargo.toml").read_text()
    workspace = tomllib.loads(text)["workspace"]
    table = {name: given for name, given in workspace["dependencies"].items() if "path" not in given}
    members = {member: tomllib.loads((TOP / member / "Cargo.toml").read_text()) for member in workspace["members"]}
    wrong = [f"{name}: say behind it or in the line above what it is for" for name in table if not reason(text, name)]
    wrong += [f"{name}: no member uses it" for name in sorted(set(table) - used(members))]
    wrong += [
        f"{name}: before 1.0, any version may break: pin it with `=`"
        for name, given in table.items()
        if re.match(r"[\^~]?0\.", version(given))
    ]
    wrong += [
        f"{member}: take {name} from the workspace"
        for member, name, given in named(members)
        if not (isinstance(given, dict) and given.get("workspace"))
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(table)} dependencies: each with its reason, used, and pinned where it has to be")


def reason(text, name):
    """What the comment behind the dependency or in the line above it says."""
    line = re.search(rf"^(?:# (?P<above>.+)\n)?{re.escape(name)} = .*?(?:# (?P<behind>.+))?$", text, re.MULTILINE)
    return line["above"] or line["behind"]


def version(given):
    return given if isinstance(given, str) else given["version"]


def named(members):
    """Every dependency that a member names, with those for some platforms."""
    for member, manifest in members.items():
        for part in (manifest, *manifest.get("target", {}).values()):
            for kind in KINDS:
                for name, given in part.get(kind, {}).items():
                    yield member, name, given


def used(members):
    return {name for _, name, _ in named(members)}


if __name__ == "__main__":
    main()
