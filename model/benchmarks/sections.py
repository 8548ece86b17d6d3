"""Sections of Markdown files that programs write."""


def table(rows, alignment="---:"):
    """The rows, the first as head; all columns but the first are aligned."""
    head, *body = rows
    lines = [head, ["---", *[alignment] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def wrap(text, width=120):
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def replace(path, title, new):
    """Writes the section where the file has one of that title, else at its end."""
    text = path.read_text() if path.exists() else ""
    before, found, rest = text.partition(f"{title}\n")
    if not found:
        path.write_text(f"{text.rstrip()}\n\n{new}" if text.strip() else new)
        return
    _, following, after = rest.partition("\n## ")
    path.write_text(before + new + (f"\n## {after}" if following else ""))
