"""Checks the book: every page of docs/SUMMARY.md exists and is listed once, and every relative link resolves.

Looks at README.md and CHANGELOG.md too. Needs nothing but Python. Run: python3 scripts/check_book.py
Exit code 1, and a line per problem, if something is wrong.
"""

import pathlib
import re
import sys
import unicodedata
from urllib.parse import unquote

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def prose(path):
    """The text without code, line for line."""
    blank = lambda m: re.sub(r"[^\n]", "", m.group())
    return FENCE.sub(blank, path.read_text(encoding="utf-8"))


def anchors(path):
    """Names of a page's headings as mdBook makes them."""
    names, seen = set(), {}
    for title in HEADING.findall(prose(path)):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        kept = "".join(c if c.isalnum() or c in "-_" else " " if c.isspace() else "" for c in unicodedata.normalize("NFC", title))
        name = kept.strip().replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.add(f"{name}-{count}" if count else name)
    return names


def links(path):
    """Line and target of each link out of or within the project."""
    text = CODE.sub("", prose(path))
    for found in LINK.finditer(text):
        link = found.group(1) or found.group(2)
        if not ELSEWHERE.match(link):
            yield text.count("\n", 0, found.start()) + 1, unquote(link)


def main():
    problems = []
    summary = DOCS / "SUMMARY.md"
    listed = [link.partition("#")[0] for _, link in links(summary)]
    for link in sorted({link for link in listed if listed.count(link) > 1}):
        problems.append(f"docs/SUMMARY.md: {link} is listed more than once")
    on_disk = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if "book" not in p.relative_to(DOCS).parts[:1]}
    for page in sorted(on_disk - set(listed) - {"SUMMARY.md"}):
        problems.append(f"docs/{page}: not in docs/SUMMARY.md")
    pages = [DOCS / page for page in sorted(on_disk)] + [p for p in (ROOT / "README.md", ROOT / "CHANGELOG.md") if p.is_file()]
    count = 0
    for page in pages:
        for line, link in links(page):
            count += 1
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            where = f"{page.relative_to(ROOT)}:{line}: {link}"
            if not target.exists():
                problems.append(f"{where}: there is no such file")
            elif DOCS in page.parents and DOCS not in target.parents:
                problems.append(f"{where}: leads out of the book, where a reader of the built book cannot follow")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                problems.append(f"{where}: there is no such heading")
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    if problems:
        sys.exit(1)
    print(f"{len(pages)} pages, {count} links: sound")


if __name__ == "__main__":
    main()
