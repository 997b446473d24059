"""The READMEs tell the truth: the map of src/ is whole, the examples are words we know."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphemes.__main__ import COMMANDS
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import MODELS
from graphemes.foundation.settings.words import read_words

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "graphemes"
# A fenced block is under the last heading above it; headings inside a fence are comments.
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


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
    """The words after `bash run.sh` in the README's examples; outlines with ... are left out."""
    for _, language, lines in blocks(text):
        if language not in ("bash", "sh", "console"):
            continue
        for line in lines.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:\$ )?bash (?:\S*/)?run\.sh\b(.*)$", line)
            if found and "..." not in found[1]:
                yield re.split(r"\s(?:&&|\|\|?|>|;)\s", shlex_text(found[1]))[0].split()


def shlex_text(line: str) -> str:
    return " ".join(shlex.split(line, comments=True))


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


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_map_names_every_module_and_no_other():
    modules = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")}
    modules = {module for module in modules if not module.endswith("__init__.py")}
    named = mapped((SOURCE / "README.md").read_text(encoding="utf-8"))
    assert named.keys() - modules == set(), "in the map, not in src/graphemes"
    assert modules - named.keys() == set(), "in src/graphemes, not in the map"
    assert [module for module, text in named.items() if not text] == [], "a line says nothing"


def test_the_examples_are_commands_and_settings_that_exist(readme):
    found = list(calls(readme))
    assert found, "the README shows no `bash run.sh`"
    wrong = {" ".join(words): complaint(words) for words in found if complaint(words)}
    assert not wrong


EXAMPLE = """# Title
## The map of src/
```
foundation/        the words
foundation/heads.py   the three heads
__main__.py        the door
```
## Use
```bash
# not a heading
bash run.sh fold=0 epochs=3   # a comment
bash run.sh predict \\
  batch_size=4 && ls
bash run.sh [COMMAND] key=value ...
bash run.sh train epoch=3
bash run.sh dance
```
"""


def test_the_reader_reads_maps_and_examples():
    assert mapped(EXAMPLE) == {
        "foundation/heads.py": "the three heads",
        "__main__.py": "the door",
    }
    assert list(calls(EXAMPLE)) == [
        ["fold=0", "epochs=3"],
        ["predict", "batch_size=4"],
        ["train", "epoch=3"],
        ["dance"],
    ]


def test_the_reader_complains_of_unknown_words():
    said = [complaint(words) for words in calls(EXAMPLE)]
    assert said == [
        None,
        None,
        "unknown setting 'epoch'; did you mean 'epochs'?",
        "no command 'dance'",
    ]
