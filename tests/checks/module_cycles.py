"""Checks that no modules of a library crate use each other in a circle.

A module uses another if its code names an item that the other defines, however it is re-exported on the way. `mod x;`
and `pub use x::Y;` alone are no use: a module file may list and re-export its children, which may use what it defines,
as long as its own code does not use what they define. Neither may two folders of modules use each other, whatever files
in them do so. Code under `#[cfg(test)]` does not count, nor do methods, which are named nowhere.

    python3 tests/checks/module_cycles.py              all library crates of the workspace
    python3 tests/checks/module_cycles.py model        those in these folders
    python3 tests/checks/module_cycles.py --print model    what each module uses
"""

import re
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

TOP = Path(__file__).parents[2]
TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*)
    |(?P<comment>/\*)
    |(?P<raw>(?:b|c|br|cr)?r(?P<hashes>\#*)")
    |(?P<text>[bc]?"(?:\\.|[^"\\])*")
    |(?P<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\])')
    |(?P<lifetime>'[A-Za-z_]\w*)
    |(?P<word>(?:r\#)?[A-Za-z_]\w*)
    |(?P<colons>::)
    |(?P<other>[0-9][\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
DEFINING = {"struct", "enum", "union", "trait", "type", "fn", "const", "static", "mod", "macro_rules"}
CLOSING = {"{": "}", "(": ")", "[": "]"}


class Module:
    """One module: what it defines, imports and names."""

    def __init__(self, path, file, parent):
        self.path = path
        self.file = file
        self.parent = parent
        self.children = {}
        self.defined = set()
        self.imports = {}  # name → (path, line, whether it is re-exported)
        self.globs = []
        self.named = []  # (path as a tuple of names, line)

    @property
    def name(self):
        return "::".join(self.path) or "crate"

    def root(self):
        return self if self.parent is None else self.parent.root()

    def all(self):
        yield self
        for child in self.children.values():
            yield from child.all()


def tokens_of(text):
    """The tokens of Rust source with their lines; comments are left out, strings are one token."""
    found, place, line = [], 0, 1
    while place < len(text):
        match = TOKEN.match(text, place)
        end = match.end()
        if match["comment"]:
            depth = 1
            while depth and end < len(text):
                following = re.compile(r"/\*|\*/").search(text, end)
                end = following.end() if following else len(text)
                depth += 1 if following and following[0] == "/*" else -1
        elif match["raw"]:
            closing = text.find('"' + match["hashes"], end)
            end = len(text) if closing < 0 else closing + 1 + len(match["hashes"])
            found.append(('""', line))
        elif match["text"] or match["char"] or match["lifetime"]:
            found.append(('""', line))
        elif not match["skip"]:
            found.append((match[0].removeprefix("r#"), line))
        line += text.count("\n", place, end)
        place = end
    return found


def closing(tokens, place):
    """The place of the bracket that closes the one at `place`."""
    depth = 0
    for index in range(place, len(tokens)):
        if tokens[index][0] in CLOSING:
            depth += 1
        elif tokens[index][0] in CLOSING.values():
            depth -= 1
            if depth == 0:
                return index
    return len(tokens) - 1


def end_of_item(tokens, place):
    """The place after the item that begins at `place`, its attributes included."""
    while tokens[place][0] == "#":
        place = closing(tokens, place + 1) + 1
    words = [token for token, _ in tokens[place : place + 6]]
    if words[0] == "pub" and words[1] == "(":
        words = words[4:]
    ends_with_semicolon = {"use", "const", "static", "type", "let"} & set(words[:2]) and "fn" not in words[:4]
    while place < len(tokens):
        token = tokens[place][0]
        if token == ";":
            return place + 1
        if token in CLOSING:
            place = closing(tokens, place)
            if token == "{" and not ends_with_semicolon:
                return place + 1
        elif token in CLOSING.values():
            return place
        place += 1
    return place


def is_for_tests(attribute):
    """Whether what follows an attribute is compiled for tests or documentation alone."""
    words = [token for token, _ in attribute]
    return words[:2] == ["cfg", "("] and (words[2] in ("test", "doc") or words[2:5] == ["all", "(", "test"])


def read_uses(tokens, place, prefix):
    """Every (path, name, line) of a use tree that begins at `place`, and the place after it."""
    path, line = list(prefix), tokens[place][1]
    while True:
        token, line = tokens[place]
        if token == "{":
            end, found = closing(tokens, place), []
            place += 1
            while place < end:
                inner, place = read_uses(tokens, place, path)
                found += inner
                if tokens[place][0] == ",":
                    place += 1
            return found, end + 1
        if token == "*":
            return [(tuple(path), "*", line)], place + 1
        if token == "self" and path:
            name = path[-1]
        else:
            if token != "::":
                path.append(token)
            name = token
        place += 1
        following = tokens[place][0]
        if following == "as":
            return [(tuple(path), tokens[place + 1][0], line)], place + 2
        if following in (",", ";", "}"):
            return [(tuple(path), name, line)], place


def read_module(path, file, parent, tokens, folder):
    """Reads a module from the tokens between its braces or of its file; `folder` holds the files of its children."""
    module = Module(path, file, parent)
    place, depth = 0, 0
    while place < len(tokens):
        token, line = tokens[place]
        before = tokens[place - 1][0] if place else ""
        following = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        if token == "#" and following in ("[", "!"):
            start = place + (1 if following == "[" else 2)
            end = closing(tokens, start)
            if following == "[" and is_for_tests(tokens[start + 1 : end]):
                place = end_of_item(tokens, place)
            elif tokens[start + 1][0] in ("cfg", "cfg_attr", "doc", "expect", "allow", "serde"):
                place = end + 1
            else:
                # What an attribute such as `derive` names is used.
                place, depth = start + 1, depth + 1
            continue
        if token in CLOSING:
            depth += 1
        elif token in CLOSING.values():
            depth -= 1
        elif token == "use" and before != "." and (following.isidentifier() or following in ("::", "{")):
            found, place = read_uses(tokens, place + 1, ())
            is_re_export = before == "pub" or (before == ")" and depth == 0)
            for target, name, use_line in found:
                if name == "*":
                    module.globs.append((target, use_line, is_re_export))
                else:
                    module.imports[name] = (target, use_line, is_re_export)
            continue
        elif token == "mod" and depth == 0 and following.isidentifier():
            child = (*path, following)
            if tokens[place + 2][0] == ";":
                module.children[following] = read_file(child, folder / following, module)
                place += 3
            else:
                end = closing(tokens, place + 2)
                inner = tokens[place + 3 : end]
                module.children[following] = read_module(child, file, module, inner, folder / following)
                place = end + 1
            continue
        elif token in DEFINING and depth == 0:
            skipped = 2 if token == "macro_rules" else 1
            defined = tokens[min(place + skipped, len(tokens) - 1)][0]
            if defined.isidentifier() and defined not in DEFINING:
                module.defined.add(defined)
                place += skipped + 1
                continue
        elif token.isidentifier() and before not in (".", "::", "fn"):
            names = [token]
            while place + 2 < len(tokens) and tokens[place + 1][0] == "::" and tokens[place + 2][0].isidentifier():
                names.append(tokens[place + 2][0])
                place += 2
            after = tokens[place + 1][0] if place + 1 < len(tokens) else ""
            # A lower-case word alone may be a variable or a field; only what is called can be an imported function.
            if len(names) > 1 or not token[0].islower() or after in ("(", "!"):
                module.named.append((tuple(names), line))
        place += 1
    return module


def read_file(path, base, parent):
    """The module in `base.rs` or `base/mod.rs`."""
    file = base.with_name(base.name + ".rs")
    folder = base
    if not file.exists():
        file = base / "mod.rs"
    return read_module(path, file, parent, tokens_of(file.read_text()), folder)


def read_crate(root):
    """The root module of the crate whose `lib.rs` is `root`."""
    return read_module((), root, None, tokens_of(root.read_text()), root.parent)


def resolve(module, names, seen=frozenset(), is_import=False):
    """The module that defines what `names` means in `module`, and whether it is that module itself; None outside."""
    first, rest = names[0], names[1:]
    if first in ("crate", "$crate"):
        return walk(module.root(), rest, seen)
    if first == "self":
        return walk(module, rest, seen)
    if first == "super":
        return walk(module.parent, rest, seen) if module.parent else None
    if is_import and first not in module.children and first not in module.imports:
        return None
    return walk(module, names, seen)


def walk(module, names, seen):
    """As [`resolve`], from inside `module`."""
    if not names:
        return module, True
    first, rest = names[0], names[1:]
    if first == "super":
        return walk(module.parent, rest, seen) if module.parent else None
    if first in module.children and (rest or first not in module.defined):
        return walk(module.children[first], rest, seen)
    if first in module.defined:
        return module, False
    if (module, first) in seen:
        return None
    seen = seen | {(module, first)}
    if first in module.imports:
        target, _, _ = module.imports[first]
        # A name may be imported from a module or crate of the same name.
        if target[0] == first and first not in module.children:
            return None
        return resolve(module, target + rest, seen, is_import=True)
    for target, _, _ in module.globs:
        found = resolve(module, target + names, seen, is_import=True)
        if found and not found[1]:
            return found
    return None


def uses_of(root):
    """For each module, the modules whose items it uses, with a witness for each."""
    uses = defaultdict(dict)
    for module in root.all():
        named = [(target, line) for target, line, is_re_export in module.imports.values() if not is_re_export]
        for names, line in [*named, *module.named]:
            found = resolve(module, names)
            if found and not found[1] and found[0] is not module:
                uses[module].setdefault(found[0], f"{module.file}:{line} {'::'.join(names)}")
    return uses


def circles(root, uses):
    """Every circle: a list of (name, witness) steps; folders of modules count as one module each."""
    levels = defaultdict(lambda: defaultdict(dict))
    for user, targets in uses.items():
        for used, witness in targets.items():
            ours, theirs = user.path, used.path
            common = 0
            while common < min(len(ours), len(theirs)) and ours[common] == theirs[common]:
                common += 1
            # A module's own code is a node of its own beside its children.
            left, right = ours[: common + 1], theirs[: common + 1]
            levels[ours[:common]][left].setdefault(right, witness)
    for _, graph in sorted(levels.items()):
        seen = set()
        for start in sorted(graph):
            if start not in seen and (circle := shortest_circle(graph, start)):
                seen.update(node for node, _ in circle)
                yield [("::".join(node) or "crate", witness) for node, witness in circle]


def shortest_circle(graph, start):
    """The shortest way from `start` back to it, if there is one."""
    ways, queue = {start: []}, [start]
    for node in queue:
        for following, witness in sorted(graph.get(node, {}).items()):
            way = [*ways[node], (node, witness)]
            if following == start:
                return way
            if following not in ways:
                ways[following] = way
                queue.append(following)
    return None


def libraries(folders):
    """The `lib.rs` of every library crate of the workspace, or of those in `folders`."""
    if not folders:
        folders = tomllib.loads((TOP / "Cargo.toml").read_text())["workspace"]["members"]
    roots = [TOP / folder / "src/lib.rs" for folder in folders]
    return [root for root in roots if root.exists()]


# What the check must find in small crates: files, and the circles' modules in order of their names.
FIXTURES = [
    (
        "two modules that use each other through a re-export",
        {
            "lib.rs": "mod a; mod b; pub use a::A;",
            "a.rs": "use crate::b; pub struct A; fn f() { b::f() }",
            "b.rs": "pub fn f() -> Option<crate::A> { None }",
        },
        [["a", "b"]],
    ),
    (
        "a module file that lists and re-exports children, which use what it defines",
        {
            "lib.rs": "mod room;",
            "room.rs": "mod a; pub use a::A; pub struct Own;",
            "room/a.rs": "use super::Own; pub struct A(Own);",
        },
        [],
    ),
    (
        "a module file that uses its children, which use what it defines",
        {
            "lib.rs": "mod room;",
            "room.rs": "mod a; pub use a::A; pub struct Own; fn f(a: A) {}",
            "room/a.rs": "use super::Own; pub struct A(Own);",
        },
        [["room", "room::a"]],
    ),
    (
        "two folders that use each other through different files",
        {
            "lib.rs": "mod x; mod y;",
            "x.rs": "pub mod a; pub mod b;",
            "x/a.rs": "pub struct A(crate::y::c::C);",
            "x/b.rs": "pub struct B;",
            "y.rs": "pub mod c; mod d;",
            "y/c.rs": "pub struct C;",
            "y/d.rs": "use crate::x::{self, b::{B as Other}}; fn f(_: Other) { let x = 1; }",
        },
        [["x", "y"]],
    ),
    (
        "tests, comments, strings and fields are no uses",
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "pub struct A; // crate::b::B\n/* crate::b::B /* nested */ crate::b::B */\n"
            'const TEXT: &str = r#"crate::b::B "quoted""#; const C: char = \'"\';\n'
            "#[cfg(test)] mod tests { use crate::b::B; }\n#[cfg(test)] use crate::b::B;\nfn f<'b>(b: &'b A) {}",
            "b.rs": "use crate::a::A; pub struct B(A); pub fn a() {}",
        },
        [],
    ),
    (
        "a circle of three with globs and inline modules",
        {
            "lib.rs": "mod a { pub use inner::*; mod inner { pub struct A(crate::b::B); } } mod b; mod c;",
            "b.rs": "use super::c::*; pub struct B(C);",
            "c.rs": "#[derive(Debug, Clone)] pub struct C(crate::a::A);",
        },
        [["a", "b", "c"]],
    ),
]


def check_fixtures():
    """The check itself is checked on crates whose circles are known."""
    for what, files, expected in FIXTURES:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            root = read_crate(Path(folder, "lib.rs"))
            found = [sorted(name for name, _ in circle) for circle in circles(root, uses_of(root))]
            if found != expected:
                sys.exit(f"module_cycles.py is wrong about {what}: {found}, not {expected}")


def main():
    check_fixtures()
    arguments = sys.argv[1:]
    prints = "--print" in arguments
    failed, modules, crates = False, 0, libraries([argument for argument in arguments if argument != "--print"])
    for root in crates:
        tree = read_crate(root)
        uses = uses_of(tree)
        modules += sum(1 for _ in tree.all())
        crate = root.parents[1].relative_to(TOP)
        if prints:
            for module in tree.all():
                print(f"{crate} {module.name}: {' '.join(sorted(used.name for used in uses[module]))}")
        for circle in circles(tree, uses):
            failed = True
            names = [name for name, _ in circle]
            print(f"{crate}: {' → '.join([*names, names[0]])}")
            for _, witness in circle:
                print(f"    {witness.removeprefix(f'{TOP}/')}")
    if failed:
        sys.exit("Modules use each other in a circle: move what both need into a module of its own, or hand it in.")
    print(f"{len(crates)} library crates, {modules} modules: none use each other in a circle")


if __name__ == "__main__":
    main()
