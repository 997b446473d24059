"""The notebooks as files: from scripts in percent format to .ipynb, the same bytes every time."""

import json
import re
from pathlib import Path
from typing import Any

from graphemes.foundation.files import write_text

SOURCES = Path(__file__).resolve().parent / "notebooks"
NAMES = ("train", "submit")
_CELL = re.compile(r"^# %%(?: \[(markdown)\])?(?: (\w+))?$", re.MULTILINE)


def built(name: str) -> Path:
    """Where a notebook lies, beside its source."""
    return SOURCES / f"{name}.ipynb"


def notebook_text(name: str) -> str:
    """The .ipynb of a source, as text."""
    source = (SOURCES / f"{name}.py").read_text(encoding="utf-8")
    return json.dumps(notebook(name, source), indent=1, ensure_ascii=False) + "\n"


def notebook(name: str, source: str) -> dict[str, Any]:
    """A notebook of format 4.5, without outputs, from a script in percent format.

    `# %%` begins a cell of code, `# %% [markdown]` one of text in comments; a word after it is the
    cell's tag. What stands before the first is for readers of the script.
    """
    heads = list(_CELL.finditer(source))
    ends = [head.start() for head in heads[1:]] + [len(source)]
    cells = [
        _cell(f"{name}-{number}", head[1] == "markdown", head[2], source[head.end() : end])
        for number, (head, end) in enumerate(zip(heads, ends, strict=True))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}


def _cell(name: str, is_text: bool, tag: str | None, lines: str) -> dict[str, Any]:
    # "noqa" is for those who check the script, not for those who read the notebook.
    text = re.sub(r"  # noqa: .*$", "", lines.strip("\n"), flags=re.MULTILINE)
    if is_text:
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    cell: dict[str, Any] = {
        "id": name,
        "cell_type": "markdown" if is_text else "code",
        "metadata": {"tags": [tag]} if tag else {},
        "source": text.splitlines(keepends=True),
    }
    return cell if is_text else {**cell, "execution_count": None, "outputs": []}


def main() -> None:
    """Write both notebooks anew."""
    for name in NAMES:
        write_text(built(name), notebook_text(name))


if __name__ == "__main__":
    main()
