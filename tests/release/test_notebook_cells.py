"""Once a submission is written, no cell of the notebook ends it: Kaggle would drop the session."""

import ast
from pathlib import Path

import nbformat
import pytest

from graphemes.competition.writing import write_sample_submission, write_test_csv
from graphemes.release.inputs import Networks
from graphemes.release.notebook_files import built

DAMAGED = b"PAR1 and then nothing of a table"


def cells_after(name: str, mark: str) -> list[str]:
    """The cells of code after the one that has a mark in it."""
    cells = nbformat.read(built(name), as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    (at,) = (number for number, source in enumerate(code) if mark in source)
    return code[at + 1 :]


def imported(name: str) -> dict[str, object]:
    """What the notebook's cells import of the package."""
    cells = nbformat.read(built(name), as_version=4).cells
    lines = [line for cell in cells for line in cell.source.splitlines()]
    found: dict[str, object] = {}
    exec("\n".join(line for line in lines if line.startswith("from graphemes")), found)
    return found


def execute(cells: list[str], known: dict[str, object]) -> list[object]:
    """The values that cells show."""
    shown = []
    for cell in cells:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), known)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), known))
    return shown


@pytest.fixture
def competition(tmp_path) -> Path:
    """The competition's files, the shards damaged."""
    directory = tmp_path / "competition"
    directory.mkdir()
    write_test_csv(directory / "test.csv", 6)
    write_sample_submission(directory / "sample_submission.csv", 6)
    for part in ("train", "test"):
        (directory / f"{part}_image_data_0.parquet").write_bytes(DAMAGED)
    return directory


@pytest.fixture
def fold(tmp_path) -> Path:
    """A finished fold, all of it damaged."""
    directory = tmp_path / "folds" / "fold0"
    directory.mkdir(parents=True)
    for name in ("weights.safetensors", "curves.png", "oof.parquet", "run.json"):
        (directory / name).write_bytes(DAMAGED)
    return directory


def test_no_damage_ends_the_submit_notebook_after_its_check(fold, competition, tmp_path, capsys):
    cells = cells_after("submit", "check_submission(submission")
    known = {
        **imported("submit"),
        "competition": competition,
        "submission": tmp_path / "no submission.csv",
        "networks": Networks({"": [fold / "weights.safetensors"]}, [1.0], {}),
    }
    assert len(execute(cells, known)) == len(cells) == 6
    assert capsys.readouterr().out.count("can't be shown: ") == 3


def test_no_damage_ends_the_train_notebook_after_the_training(
    fold, competition, capsys, monkeypatch
):
    cells = cells_after("train", 'run_command("train"')
    known = imported("train")
    session = known["session"]
    settings = session.chosen_settings({"fold": "0,1"})
    monkeypatch.setattr(session, "fold_directories", lambda _: [fold, fold.with_name("fold1")])
    monkeypatch.setattr(session, "remove_cache", lambda: None)
    assert len(execute(cells, {**known, "competition": competition, "settings": settings})) == 5
    said = capsys.readouterr().out
    assert "can't be shown: DataError: " in said
    assert said.endswith("it goes on from there\n")
