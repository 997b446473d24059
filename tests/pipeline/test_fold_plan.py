"""Which folds a run takes: those that are there, if they fit, whoever made them."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphemes.evaluation.folds import fold_table, read_folds, write_folds
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import file_digest, read_json
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import FoldsSettings, TrainSettings
from graphemes.pipeline.fold_plan import changed_since, plan_asked_folds, plan_folds
from graphemes.pipeline.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, labels) -> Workspace:
    labels.to_csv(tmp_path / "train.csv", index=False)
    return Workspace(Layout(tmp_path), tmp_path, demo=False)


@pytest.fixture
def labels() -> pd.DataFrame:
    columns = {"grapheme_root": [1, 2] * 6, "vowel_diacritic": 0, "consonant_diacritic": 0}
    return pd.DataFrame({"image_id": [f"Train_{row}" for row in range(12)]} | columns)


def test_a_run_keeps_folds_that_were_made_by_another_method(workspace, labels):
    table = fold_table(labels, np.arange(12) // 6)  # no method of ours gives it
    write_folds(workspace.layout.folds_csv, table)
    before = workspace.layout.folds_csv.read_bytes()
    plan = plan_folds(TrainSettings(folds=2), workspace)
    pd.testing.assert_frame_equal(plan.table, table)
    plan.write()
    assert workspace.layout.folds_csv.read_bytes() == before


def test_a_run_refuses_folds_of_another_number(workspace, labels):
    write_folds(workspace.layout.folds_csv, fold_table(labels, np.arange(12) // 6))
    with pytest.raises(
        PlaceTaken,
        match="folds=2 takes it as it is; overwrite=true replaces it",
    ):
        plan_folds(TrainSettings(folds=3), workspace)


def test_a_run_replaces_no_folds_that_another_run_stands_on(workspace, labels):
    layout = workspace.layout
    write_folds(layout.folds_csv, fold_table(labels, np.arange(12) // 6))
    other = Layout(layout.work_dir, "other").fold(0)
    other.state.mkdir(parents=True)
    other.checkpoint.touch()
    asked = TrainSettings(folds=3, overwrite=True)
    with pytest.raises(PlaceTaken, match=r"it is shared, and .*/other/fold0 was trained with it"):
        plan_folds(asked, workspace)
    # The way out that would not work isn't named; those that do are.
    with pytest.raises(PlaceTaken, match=r"has 2 folds, asked for 3; folds=2 takes it") as caught:
        plan_folds(TrainSettings(folds=3), workspace)
    assert "the command folds with overwrite=true" in str(caught.value)
    assert plan_folds(TrainSettings(folds=2), workspace).origin is None
    assert plan_folds(FoldsSettings(folds=3, overwrite=True), workspace).origin is not None
    own = replace(workspace, layout=Layout(layout.work_dir, "other"))
    assert plan_folds(asked, own).origin is not None  # its own fold 0 is asked for anew
    with pytest.raises(PlaceTaken, match=r"/other/fold0 was trained with it"):
        plan_folds(TrainSettings(folds=3, fold=(1,), overwrite=True), own)


def test_folds_that_another_run_wrote_meanwhile_are_not_replaced(workspace, labels):
    path = workspace.layout.folds_csv
    mine, same = (plan_folds(TrainSettings(folds=2), workspace) for _ in range(2))
    others = plan_folds(TrainSettings(folds=3), workspace)
    mine.write()
    before = path.read_bytes()
    same.write()
    with pytest.raises(PlaceTaken, match=r"folds\.csv: another run wrote it meanwhile, with other"):
        others.write()
    assert path.read_bytes() == before


def test_the_folds_command_alone_insists_on_its_seed(workspace, labels):
    write_folds(workspace.layout.folds_csv, fold_table(labels, np.arange(12) // 6))
    with pytest.raises(PlaceTaken, match=r"isn't what seed=0 gives .*an earlier version's"):
        plan_asked_folds(FoldsSettings(folds=2), workspace)
    plan = plan_asked_folds(FoldsSettings(folds=2, overwrite=True), workspace)
    plan.write()
    pd.testing.assert_frame_equal(read_folds(workspace.layout.folds_csv, labels), plan.table)
    again = plan_asked_folds(FoldsSettings(folds=2), workspace)
    assert again.origin is None
    pd.testing.assert_frame_equal(again.table, plan.table)
    assert again.report_lines(held_out=False) == again.report_lines(held_out=True)[:-2]


def test_no_folds_stand_there_without_a_word_on_where_they_come_from(workspace):
    """They would be taken for somebody's own, and the demo's would never give way."""
    path = workspace.layout.folds_csv
    about = path.with_suffix(".json")
    about.mkdir(parents=True)  # so that it can't be written
    with pytest.raises(UserError, match=r"folds\.json: could not be written: Is a directory$"):
        plan_folds(TrainSettings(folds=2), workspace).write()
    assert not path.exists()
    about.rmdir()
    plan_folds(TrainSettings(folds=2), workspace).write()
    assert read_json(about)["digest"] == file_digest(path)


def test_folds_that_a_run_ended_before_it_replaced_are_as_they_were_written(workspace, monkeypatch):
    path = workspace.layout.folds_csv
    plan_folds(TrainSettings(folds=2), workspace).write()
    real = os.replace

    def end(source: Path, target: Path) -> None:
        if target == path:
            raise KeyboardInterrupt
        real(source, target)

    asked = TrainSettings(folds=3, overwrite=True)
    monkeypatch.setattr(os, "replace", end)
    with pytest.raises(KeyboardInterrupt):
        plan_folds(asked, workspace).write()
    monkeypatch.undo()
    assert changed_since(path) is None
    plan_folds(asked, workspace).write()
    assert changed_since(path) is None
    path.write_text(path.read_text() + "\n")
    assert "isn't as it was written, says folds.json" in changed_since(path)


@pytest.mark.parametrize("name", ["folds.json", "folds.csv"])  # in the order of their writing
def test_the_demos_folds_give_way_also_where_a_run_ended_as_it_replaced_them(
    workspace, monkeypatch, name
):
    demo = replace(workspace, demo=True)
    plan_folds(TrainSettings(folds=2), demo).write()
    real = os.replace

    def fail(source: Path, target: Path) -> None:
        if target.name == name:
            raise OSError(5, "Input/output error")
        real(source, target)

    asked = TrainSettings(folds=3)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match=rf"{name}: could not be written: Input/output error$"):
        plan_folds(asked, workspace).write()
    monkeypatch.undo()
    plan = plan_folds(asked, workspace)  # without overwrite=true
    plan.write()
    assert plan_folds(asked, workspace).table.equals(plan.table)
