"""House rules about Markdown: links that resolve, a status on every design page, short decision records."""

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

from tests.tidy.house import Finding

FENCE = re.compile(r"^(```|~~~)")
INLINE_CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"!?\[(?:[^\]\\]|\\.)*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
STATUS = re.compile(r"^Status: (accepted|draft)\b")


def prose(text: str) -> list[tuple[int, str]]:
    """The numbered lines outside code blocks."""
    lines: list[tuple[int, str]] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line.strip()):
            inside = not inside
        elif not inside:
            lines.append((number, line))
    return lines


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    found: set[str] = set()
    for _, line in prose(text):
        match = HEADING.match(line)
        if match:
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "").replace("*", "")
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            candidate, n = slug, 0
            while candidate in found:
                n += 1
                candidate = f"{slug}-{n}"
            found.add(candidate)
    return found


def dead_links(pages: Mapping[str, str], files: frozenset[str]) -> list[Finding]:
    """Relative links to files or headings that do not exist; links to other places are not followed."""
    folders = {dirname(name) for name in files}
    found: list[Finding] = []
    for path, text in pages.items():
        for number, line in prose(text):
            for target in LINK.findall(INLINE_CODE.sub("", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                place = normpath(join(dirname(path), name)) if name else path
                if place not in files and place not in folders and place != ".":
                    found.append(Finding(path, number, f"link to {target}: no such file"))
                elif anchor and place in pages and anchor not in anchors(pages[place]):
                    found.append(Finding(path, number, f"link to {target}: no such heading"))
    return found


def without_status(pages: Mapping[str, str]) -> list[Finding]:
    """Design pages that do not say near their top whether they hold: `Status: accepted` or `Status: draft`."""
    return [
        Finding(path, 1, "no status line (Status: accepted, Status: draft)")
        for path, text in pages.items()
        if not any(STATUS.match(line) for line in text.splitlines()[:6])
    ]


def long_records(pages: Mapping[str, str], limit: int = 40) -> list[Finding]:
    """Decision records that are longer than a page, or not numbered without gaps."""
    found = [
        Finding(path, limit + 1, f"{len(text.splitlines())} lines, a decision has at most {limit}")
        for path, text in pages.items()
        if len(text.splitlines()) > limit
    ]
    for expected, path in enumerate(sorted(pages), 1):
        if not path.rsplit("/", 1)[-1].startswith(f"{expected:04d}-"):
            found.append(Finding(path, 1, f"decision {expected:04d} expected here"))
    return found
