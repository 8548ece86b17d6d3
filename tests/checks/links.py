"""Checks that the links in documents lead somewhere: files and folders that are there, headings that exist.

    python3 tests/checks/links.py

Addresses on the web are not asked.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

TOP = Path(__file__).parents[2]
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)\"""")
ELSEWHERE = re.compile(r"[a-z]+:|//")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def main():
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    documents = [TOP / name for name in names if (TOP / name).exists()]
    links = [(document, link) for document in documents for link in links_of(document)]
    broken = [f"{document.relative_to(TOP)}: {link}" for document, link in links if not leads_somewhere(document, link)]
    if broken:
        sys.exit("These links lead nowhere:\n" + "\n".join(broken))
    print(f"{len(links)} links in {len(documents)} documents lead somewhere")


def links_of(document):
    """The links to files and headings."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", document.read_text()))
    found = (link or attribute for link, attribute in LINK.findall(text))
    return [link for link in found if not ELSEWHERE.match(link)]


def leads_somewhere(document, link):
    path, _, heading = unquote(link).partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not heading or heading in headings(target))


def headings(document):
    """The anchors that GitHub gives a document's headings."""
    if document.is_dir() or document.suffix != ".md":
        return set()
    found = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


if __name__ == "__main__":
    main()
