#!/usr/bin/env python3
"""Counts of the house: lines and files of each crate, circles between its modules, and sentences without a subject.

Run: scripts/house.py [--circles]
     --circles  exit with 1 if a crate has more circles than `scripts/circles.json` allows, or fewer: the number only falls
Needs Python 3.11.
"""

import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ALLOWED = ROOT / "scripts" / "circles.json"
# First words of a documentation comment that point to another item.
ANAPHORA = re.compile(r"^\s*//[/!] (The same|Those|That of|What|Of|It|Likewise|Which)\b")
USE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?use\s+((?:crate|super|self)::[^;]+);", re.MULTILINE)
PATH = re.compile(r"\b((?:crate|super)(?:::\w+)+)")


def modules(source):
    """The files of a crate by module path, a tuple of names; tests in a file are left out."""
    found = {}
    for path in sorted(source.rglob("*.rs")):
        parts = path.relative_to(source).with_suffix("").parts
        if parts[-1] in ("mod", "lib", "main"):
            parts = parts[:-1]
        text = path.read_text(encoding="utf-8")
        found[parts] = text.split("#[cfg(test)]\nmod tests")[0]
    return found


def expanded(use):
    """The paths of a use tree."""
    match = re.match(r"(.*?)\{(.*)\}\s*$", use, re.DOTALL)
    if not match:
        return [use.strip()]
    head, body = match.groups()
    parts, depth, last = [], 0, 0
    for k, c in enumerate(body + ","):
        depth += (c == "{") - (c == "}")
        if c == "," and depth == 0:
            parts.append(body[last:k].strip())
            last = k + 1
    return [path for part in parts if part for path in expanded(head.strip() + part)]


def edges(found):
    """Which module uses which, by paths that begin with `crate` or `super`; a module that only holds others is no user of theirs."""
    graph = {module: set() for module in found}
    for module, text in found.items():
        uses = [path for use in USE.findall(text) for path in expanded(use)]
        body = USE.sub("", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
        uses += PATH.findall(body)
        for path in uses:
            names = [name.strip().split(" ")[0] for name in path.split("::")]
            at = module
            if names[0] == "crate":
                at, names = (), names[1:]
            else:
                while names and names[0] in ("super", "self"):
                    at = at[:-1] if names[0] == "super" else at
                    names = names[1:]
            while names and at + (names[0],) in found:
                at, names = at + (names[0],), names[1:]
            # A folder's own file names what its files share: it is not what is used, unless something is defined there.
            if at != module and at in found and at != module[: len(at)]:
                graph[module].add(at)
            elif at == module[:-1] and at and names and defines(found[at], names[0]):
                graph[module].add(at)
    for module in found:
        for child in found:
            if child[:-1] == module and module and re.search(rf"\buse {child[-1]}::", found[module]):
                is_export = re.search(rf"\bpub(?:\([^)]*\))? use {child[-1]}::", found[module])
                private = re.search(rf"(?m)^use {child[-1]}::", found[module])
                if private or not is_export:
                    graph[module].add(child)
    return graph


def defines(text, name):
    return re.search(rf"\b(?:fn|struct|enum|trait|type|const|static) {re.escape(name)}\b", text) is not None


def circles(graph):
    """Strongly connected components of more than one module (Tarjan 1972)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on.add(v)
        for w in sorted(graph[v]):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            component = []
            while True:
                w = stack.pop()
                on.discard(w)
                component.append(w)
                if w == v:
                    break
            if len(component) > 1:
                found.append(sorted("::".join(m) or "lib" for m in component))

    sys.setrecursionlimit(10_000)
    for v in sorted(graph):
        if v not in index:
            visit(v)
    return sorted(found, key=lambda c: (-len(c), c))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--circles", action="store_true")
    arguments = parser.parse_args()
    total, counted = [0, 0, 0, 0], {}
    print(f"{'crate':14}{'files':>6}{'lines':>8}{'longest':>9}{'anaphora':>10}  circles (modules in each)")
    for crate in sorted((ROOT / "crates").iterdir()):
        source = crate / "src"
        if not source.is_dir():
            continue
        files = [path.read_text(encoding="utf-8") for path in source.rglob("*.rs")]
        lines = [text.count("\n") for text in files]
        anaphora = sum(bool(ANAPHORA.match(line)) for text in files for line in text.splitlines())
        found = circles(edges(modules(source)))
        counted[crate.name] = found
        sizes = ", ".join(str(len(c)) for c in found) or "none"
        print(f"{crate.name:14}{len(files):6}{sum(lines):8}{max(lines):9}{anaphora:10}  {sizes}")
        total = [total[0] + len(files), total[1] + sum(lines), max(total[2], max(lines)), total[3] + anaphora]
    print(f"{'all':14}{total[0]:6}{total[1]:8}{total[2]:9}{total[3]:10}")
    for crate, found in counted.items():
        for circle in found:
            print(f"{crate}: {' '.join(circle)}")
    if arguments.circles:
        allowed = json.loads(ALLOWED.read_text(encoding="utf-8"))
        other = {crate: [len(c) for c in found] for crate, found in counted.items() if found}
        if other != allowed:
            sys.exit(f"circles are {json.dumps(other)}, {ALLOWED.name} has {json.dumps(allowed)}")


if __name__ == "__main__":
    main()
