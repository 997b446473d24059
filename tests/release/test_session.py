"""What notebooks do around the commands: inputs found by looking, and all that is wrong said."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphemes.competition.submission import read_rows, write_submission
from graphemes.evaluation.probability_files import write_probabilities
from graphemes.foundation.errors import DataError, SettingsError, UserError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.release import session


@pytest.fixture
def inputs(kaggle_like, tmp_path) -> Path:
    """/kaggle/input with the competition where Kaggle puts it, and nothing else."""
    shutil.copytree(kaggle_like, tmp_path / "input" / "competitions" / "bengaliai-cv19")
    return tmp_path / "input"


def finished_fold(place: Path, content: str = "") -> Path:
    place.mkdir(parents=True)
    (place / "run.json").write_text("{}")
    weights = place / "weights.safetensors"
    weights.write_text(content or str(place))
    return weights


def test_the_competition_is_found_by_its_files(inputs):
    found = session.find_competition(inputs)
    assert found == inputs / "competitions" / "bengaliai-cv19"
    shutil.copytree(found, inputs / "copy")
    with pytest.raises(DataError, match=r"there twice .*; detach one"):
        session.find_competition(inputs)


def test_a_competition_that_is_not_attached_is_asked_for(tmp_path):
    (tmp_path / "sample_submission.csv").touch()  # another's
    with pytest.raises(DataError, match="Add Input, Competitions, bengaliai-cv19"):
        session.find_competition(tmp_path)


def test_weights_are_found_once_each_and_unfinished_folds_left_out(tmp_path, capsys):
    one = finished_fold(tmp_path / "datasets" / "me" / "pack" / "weights" / "fold0")
    finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold0", one.read_text())
    two = finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold1")
    begun = tmp_path / "notebooks" / "out" / "folds" / "fold2"
    (begun / "state").mkdir(parents=True)
    (begun / "state" / "identity.json").write_text("{}")
    (begun / "weights.safetensors").write_text("half")
    assert session.find_weights_files(tmp_path) == [one, two]
    assert f"{begun}: isn't finished, so it is left out" in capsys.readouterr().out


def test_no_weights_or_others_are_told(tmp_path):
    with pytest.raises(DataError, match=r"no weights.safetensors of a finished fold; attach"):
        session.find_weights_files(tmp_path)
    (tmp_path / "resnet.pth").touch()
    with pytest.raises(DataError, match=r"\(found .*resnet.pth, which isn't one\)"):
        session.find_weights_files(tmp_path)


def test_an_earlier_sessions_folds_are_copied_and_what_is_there_stays(tmp_path, capsys):
    earlier = tmp_path / "input" / "output" / "folds"
    finished_fold(earlier / "fold0", "old")
    finished_fold(earlier / "wide" / "fold1")
    (earlier / "folds.csv").write_text("a,b\n")
    (earlier / "folds.csv").chmod(0o444)
    work = tmp_path / "working"
    finished_fold(work / "folds" / "fold0", "new")
    assert session.find_earlier_folds(tmp_path / "input") == earlier
    session.restore_folds(earlier, work)
    assert (work / "folds" / "fold0" / "weights.safetensors").read_text() == "new"
    assert (work / "folds" / "wide" / "fold1" / "run.json").is_file()
    (work / "folds" / "folds.csv").write_text("written again")  # though the input was read-only
    said = capsys.readouterr().out
    assert f"{work / 'folds' / 'wide' / 'fold1'}: finished" in said


def test_no_earlier_session_is_no_fault_and_two_are(tmp_path, capsys):
    assert session.find_earlier_folds(tmp_path) is None
    session.restore_folds(None, tmp_path)
    assert "starts afresh" in capsys.readouterr().out
    for name in ("one", "two"):
        (tmp_path / name / "folds").mkdir(parents=True)
        (tmp_path / name / "folds" / "folds.csv").touch()
    with pytest.raises(DataError, match="detach all but the last"):
        session.find_earlier_folds(tmp_path)


def test_a_command_is_run_and_its_lines_are_passed_on(tmp_path):
    lines: list[str] = []
    session.run_command("help", {}, tmp_path, lines.append)
    assert lines[0] == "graphemes help"
    assert "bash run.sh [COMMAND] key=value ..." in lines


def test_a_command_that_fails_ends_the_notebook_with_its_sentence(tmp_path):
    with pytest.raises(UserError, match="predict: unknown setting 'weight'; did you mean"):
        session.run_command("predict", {"weight": "x"}, tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_killed_says_by_what(tmp_path, monkeypatch):
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    with pytest.raises(UserError, match="train: was ended by SIGKILL; out of memory"):
        session.run_command("train", {}, tmp_path, lambda _: None)


def test_pythonpath_keeps_its_absolute_entries_alone(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":/kaggle/lib:here:")
    source = Path(session.__file__).parents[2]
    assert session._import_path() == f"{source}:/kaggle/lib"


def test_a_misspelt_setting_is_refused_before_the_training():
    assert session.chosen_settings({"epochs": 2, "image_size": 64}).epochs == 2
    with pytest.raises(SettingsError, match="did you mean 'epochs'"):
        session.chosen_settings({"epoch": 2})


def test_a_fold_says_how_far_it_is(tmp_path, capsys):
    directory = session.fold_directory(0, "wide", tmp_path)
    assert directory == tmp_path / "folds" / "wide" / "fold0"
    session.say_how_far(directory)
    assert "not finished; save this version" in capsys.readouterr().out
    finished_fold(directory)
    session.say_how_far(directory)
    assert "finished; save this version, attach its output to the submit" in capsys.readouterr().out


def test_decoded_images_are_not_left_in_the_output(tmp_path):
    (tmp_path / "data" / "cache").mkdir(parents=True)
    session.remove_cache(tmp_path)
    session.remove_cache(tmp_path)
    assert not (tmp_path / "data" / "cache").exists()


@pytest.fixture
def submitted(kaggle_like, tmp_path) -> Path:
    """A submission of the tiny test set, with its probabilities beside it."""
    rows = read_rows(kaggle_like)
    path = tmp_path / "submission.csv"
    labels = HEADS.map(lambda _: np.zeros(len(rows.image_ids), np.int64))
    write_submission(path, rows, rows.image_ids, labels)
    write_probabilities(tmp_path / "probabilities.parquet", rows.image_ids, even(rows), {})
    return path


def even(rows, value: float | None = None) -> PerHead:
    count = len(rows.image_ids)
    return HEADS.map(
        lambda head: np.full((count, head.classes), value or 1 / head.classes, np.float32)
    )


def test_a_whole_submission_passes(submitted, kaggle_like, capsys):
    session.check_submission(submitted, kaggle_like)
    assert "18 rows for 6 images, as sample_submission.csv asks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table[:-1], "17 rows, expected 18 as in .*sample_submission.csv"),
        (lambda table: table[::-1], "line 2: row_id 'Test_5_.*', expected 'Test_0_.*'"),
        (lambda table: table.assign(target=np.nan), "line 2: target is empty"),
        (lambda table: table.assign(target=0.5), "expected a whole number, 0 or more, got '0.5'"),
        (lambda table: table.assign(target=-1), "expected a whole number, 0 or more, got '-1'"),
        (lambda table: table.assign(target=11), "vowel_diacritic 11, expected 0..10"),
        (lambda table: table.drop(columns="target"), "expected column target, got 'row_id'"),
        (lambda table: table.assign(row_id="Test_0"), "'Test_0' stands on line 2 already"),
    ],
)
def test_a_submission_that_is_amiss_is_refused(change, sentence, submitted, kaggle_like):
    change(pd.read_csv(submitted)).to_csv(submitted, index=False)
    with pytest.raises(DataError, match=sentence):
        session.check_submission(submitted, kaggle_like)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.9])
def test_probabilities_that_are_none_are_refused(value, submitted, kaggle_like):
    rows = read_rows(kaggle_like)
    beside = submitted.with_name("probabilities.parquet")
    write_probabilities(beside, rows.image_ids, even(rows, value), {})
    with pytest.raises(DataError, match=r"probabilities\.parquet: probability_grapheme_root of"):
        session.check_submission(submitted, kaggle_like)


def test_one_class_for_all_of_many_images_is_refused(submitted, kaggle_like, monkeypatch):
    monkeypatch.setattr(session, "ENOUGH", 6)
    with pytest.raises(DataError, match="all 6 images have grapheme_root 0"):
        session.check_submission(submitted, kaggle_like)


def test_settings_are_read_from_the_weights_file(tmp_path):
    with pytest.raises(DataError, match="no such weights file"):
        session.trained_settings(tmp_path / "weights.safetensors")
