"""READMEs as values: their blocks, tables, maps and examples, and what is wrong with them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from graphemes.__main__ import COMMANDS
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import MODELS
from graphemes.foundation.settings.words import read_words

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "graphemes"
READMES = [
    ROOT / "README.md",
    *(ROOT / place / "README.md" for place in ("data", "folds", "submissions")),
    *sorted(SOURCE.rglob("*.md")),
]
COLUMNS = 110
# A fenced block is under the last heading above it; headings inside a fence are comments.
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def unfenced(text: str) -> str:
    return FENCE.sub("", text)


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """(heading, language, lines) of each fenced block."""
    heading, end = "", 0
    for fence in FENCE.finditer(text):
        above = HEADING.findall(text[end : fence.start()])
        heading, end = (above[-1] if above else heading), fence.end()
        yield heading, fence[1], fence[2]


def mapped(text: str) -> dict[str, str]:
    """The files that a map of src/ names, and what it says of each."""
    found: dict[str, str] = {}
    for heading, _, lines in blocks(text):
        if re.search(r"\bmap\b", heading, re.IGNORECASE):
            for line in lines.splitlines():
                entry = re.match(r"\s*([\w/]+\.py)(?:\s{2,}(\S.*))?$", line)
                if entry:
                    assert entry[1] not in found, f"the map names {entry[1]} twice"
                    found[entry[1]] = entry[2] or ""
    return found


def calls(text: str) -> Iterator[list[str]]:
    """The words after `bash run.sh` in a README's examples; outlines with ... are left out."""
    for _, language, lines in blocks(text):
        if language not in ("bash", "sh", "console"):
            continue
        for line in lines.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:\$ )?bash (?:\S*/)?run\.sh\b(.*)$", line)
            if found and "..." not in found[1]:
                words = " ".join(shlex.split(found[1], comments=True))
                yield re.split(r"\s(?:&&|\|\|?|>|;)\s", words)[0].split()


def complaint(words: list[str]) -> str | None:
    """What is wrong with the words of one example; None if nothing is."""
    name, rest = (words[0], words[1:]) if words and "=" not in words[0] else ("train", words)
    if name not in (*COMMANDS, "help"):
        return f"no command {name!r}"
    if name in ("help", "test") or rest == ["help"]:
        return None
    try:
        read_words(MODELS[name], rest)
    except SettingsError as error:
        return str(error)
    return None


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of each table, by the first two cells of its header."""
    found: dict[str, list[list[str]]] = {}
    header = ""
    for line in unfenced(text).splitlines():
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if not line.startswith("|"):
            header = ""
        elif not header:
            header = ", ".join(cells[:2])
            found.setdefault(header, [])
        elif not set(line) <= set("|-"):
            found[header].append(cells)
    return found


def anchors(text: str) -> set[str]:
    """What a link's #... may be: the headings as GitHub writes them."""
    headings = HEADING.findall(unfenced(text))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, text: str) -> list[str]:
    """The links of a README that lead nowhere; those out of the repository aren't followed."""
    wrong = []
    for link in LINK.findall(unfenced(text)):
        place, _, anchor = link.partition("#")
        target = path.parent / place if place else path
        there = "://" in link or target.exists()
        if not there or (anchor and target.exists() and anchor not in anchors(read(target))):
            wrong.append(link)
    return wrong


def absent_modules(path: Path, text: str) -> list[str]:
    """The modules that a README names and that are neither beside it nor where the map begins."""
    roots = (path.parent, SOURCE, ROOT)
    named = (name for name in CODE.findall(unfenced(text)) if name.endswith(".py"))
    return [name for name in named if not any((root / name).exists() for root in roots)]


def too_wide(text: str) -> list[str]:
    """Lines wider than a page; tables and pictures can't be broken, a map's lines needn't be."""
    lines = unfenced(text).splitlines()
    return [line for line in lines if len(line) > COLUMNS and not line.startswith(("|", "!["))]
