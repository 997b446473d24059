"""The READMEs tell the truth: map, examples, links, tables and figures are those of the code."""

import re

import pytest

from graphemes.__main__ import COMMANDS
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import RECIPES, Images
from graphemes.foundation.settings.words import shown
from readmes import (
    CODE,
    READMES,
    ROOT,
    SOURCE,
    absent_modules,
    broken_links,
    calls,
    complaint,
    mapped,
    read,
    tables,
    too_wide,
)
from test_floors import FLOORS

each_readme = pytest.mark.parametrize(
    "path", READMES, ids=lambda path: path.relative_to(ROOT).as_posix()
)


@pytest.fixture(scope="module")
def readme() -> str:
    return read(ROOT / "README.md")


def test_the_map_names_every_module_and_no_other():
    modules = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")}
    modules = {module for module in modules if not module.endswith("__init__.py")}
    named = mapped(read(SOURCE / "README.md"))
    assert named.keys() - modules == set(), "in the map, not in src/graphemes"
    assert modules - named.keys() == set(), "in src/graphemes, not in the map"
    assert [module for module, text in named.items() if not text] == [], "a line says nothing"


@each_readme
def test_the_examples_are_commands_and_settings_that_exist(path):
    found = list(calls(read(path)))
    assert found or path != ROOT / "README.md", "the README shows no `bash run.sh`"
    wrong = {" ".join(words): complaint(words) for words in found if complaint(words)}
    assert not wrong


@each_readme
def test_links_pictures_and_named_modules_are_there(path):
    text = read(path)
    assert broken_links(path, text) == []
    assert absent_modules(path, text) == []


@each_readme
def test_lines_are_no_wider_than_a_page(path):
    assert too_wide(read(path)) == []


def test_the_readme_is_short(readme):
    assert len(readme.splitlines()) <= 200


def test_what_is_changed_is_found_where_the_readme_says(readme):
    for what, where in tables(readme)["what, where"]:
        places = [name for name in CODE.findall(where) if "/" in name or name.endswith(".py")]
        assert places, f"{what}: no place is named"
        assert [name for name in places if not (SOURCE / name).exists()] == []


def test_the_table_of_commands_is_that_of_the_door(readme):
    names = [CODE.findall(cell)[0] for cell, _ in tables(readme)["command, what it does"]]
    assert names == list(COMMANDS)


def test_the_eight_settings_have_the_defaults_that_are_told(readme):
    rows = tables(readme)["setting, default"]
    assert len(rows) == 8
    quick = RECIPES["quick"](Images(3000, 2400), TrainSettings())
    for cell, default, meaning in rows:
        key = CODE.findall(cell)[0]
        assert default.strip("`") == shown(TrainSettings.model_fields[key].default).strip("()")
        for value in re.findall(r"(\S+) on the demo", meaning):
            assert value == shown(quick[key])


def test_the_defaults_of_networks_are_the_bold_ones():
    rows = tables(read(SOURCE / "network" / "README.md"))["setting, values"]
    told = [(CODE.findall(row[0]), re.findall(r"\*\*`([^`]+)`\*\*", row[1])) for row in rows]
    assert sum(len(values) for _, values in told) >= 12
    for keys, values in told:
        for key, value in zip(keys, values, strict=False):
            assert shown(TrainSettings.model_fields[key].default) == value


@pytest.mark.parametrize("path", [ROOT / "README.md", SOURCE / "README.md"], ids=["top", "package"])
def test_the_floors_are_those_that_imports_are_held_to(path):
    told = {
        name.strip("/").removesuffix(".py"): int(floor)
        for floor, rooms, _ in tables(read(path))["floor, rooms"]
        for name in CODE.findall(rooms)
    }
    assert told == FLOORS


def test_results_are_those_that_were_measured(readme):
    rows = [row for row in tables(readme)["what, images"] if "ours" in row[0]]
    figures = {row[0]: re.findall(r"\d\.\d+", " ".join(row[2:])) for row in rows}
    assert [len(found) for found in figures.values()] == [4, 4, 4, 4]
    results = read(SOURCE / "experiments" / "RESULTS.md").replace("\n", " ")
    for found in figures.values():
        # Score, root, vowel, consonant stand together, in a table's row or in a sentence.
        assert re.search(".{1,60}?".join(map(re.escape, found)), results), found
    score, root = next(found for what, found in figures.items() if "on the demo" in what)[:2]
    assert f"score {score}, root recall {root}" in str(RECIPES["quick"].__doc__)


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


def test_the_reader_finds_broken_links_and_absent_modules(tmp_path):
    (tmp_path / "there.md").write_text("# A heading, twice")
    text = (
        "[a](there.md) [b](there.md#a-heading-twice) ![c](gone.png) [d](there.md#else)"
        " [e](https://example.org/#x) `heads.py` `foundation/heads.py`\n```\n[f](gone)\n```\n"
    )
    assert broken_links(tmp_path / "README.md", text) == ["gone.png", "there.md#else"]
    assert absent_modules(tmp_path / "README.md", text) == ["heads.py"]


def test_the_reader_reads_tables_and_measures_lines():
    text = "| a | b |\n|---|---|\n| | `x` |\n\n| c | d |\n|---|---|\n" + "z" * 111
    assert tables(text) == {"a, b": [["", "`x`"]], "c, d": []}
    assert too_wide(text + "\n| " + "z" * 200) == ["z" * 111]
