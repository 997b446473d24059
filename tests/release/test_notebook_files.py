"""The notebooks that are tracked are those that their sources make, and a kernel can run them."""

import nbformat
import pytest

from graphemes.release.notebook_files import NAMES, SOURCES, built, main, notebook, notebook_text

each = pytest.mark.parametrize("name", NAMES)
EXAMPLE = '''"""For readers of the script."""

# %% [markdown]
# # A title
#
# Some text.

# %% settings
FOLD = 0  # noqa: X1
SIZE = 3  # a side

# %%
print(FOLD)
'''


@each
def test_the_tracked_notebook_is_that_of_its_source(name):
    same = built(name).read_text(encoding="utf-8") == notebook_text(name)
    assert same, "make it again: python -P -m graphemes.release.notebook_files"


@each
def test_it_is_a_valid_notebook_without_outputs(name):
    read = nbformat.read(built(name), as_version=4)
    nbformat.validate(read)
    code = [cell for cell in read.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    for cell in code:
        compile(cell.source, cell.id, "exec")
        assert cell.outputs == []
        assert len(cell.source.splitlines()) <= 15, "a cell that is no longer read at a glance"


def test_no_source_lacks_its_notebook_and_no_notebook_its_source():
    assert {path.stem for path in SOURCES.glob("*.ipynb")} == set(NAMES)
    assert {path.stem for path in SOURCES.glob("*.py")} == {*NAMES, "__init__"}


def test_both_install_the_wheel_in_the_same_way():
    def cell(name: str) -> str:
        cells = nbformat.read(built(name), as_version=4).cells
        return next(one.source for one in cells if "--no-index" in one.source)

    assert cell("train") == cell("submit")


def test_cells_are_cut_where_the_script_says():
    cells = notebook("one", EXAMPLE)["cells"]
    assert [(cell["id"], cell["cell_type"]) for cell in cells] == [
        ("one-0", "markdown"),
        ("one-1", "code"),
        ("one-2", "code"),
    ]
    assert "".join(cells[0]["source"]) == "# A title\n\nSome text."
    assert "".join(cells[1]["source"]) == "FOLD = 0\nSIZE = 3  # a side"
    assert cells[1]["metadata"] == {"tags": ["settings"]}


def test_making_them_again_changes_nothing(monkeypatch, tmp_path):
    before = {path.name: path.read_bytes() for path in SOURCES.iterdir() if path.is_file()}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr("graphemes.release.notebook_files.SOURCES", tmp_path)
    main()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
