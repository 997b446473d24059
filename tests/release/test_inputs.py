"""What is attached is found by looking, and what is missing or there twice is said."""

import shutil
from pathlib import Path

import pytest

from graphemes.foundation.errors import DataError
from graphemes.release import inputs


@pytest.fixture
def attached(kaggle_like, tmp_path) -> Path:
    """/kaggle/input with the competition where Kaggle puts it, and nothing else."""
    shutil.copytree(kaggle_like, tmp_path / "input" / "competitions" / "bengaliai-cv19")
    return tmp_path / "input"


def finished_fold(place: Path, content: str = "") -> Path:
    place.mkdir(parents=True)
    (place / "run.json").write_text("{}")
    weights = place / "weights.safetensors"
    weights.write_text(content or str(place))
    return weights


def test_the_competition_is_found_by_its_files(attached):
    place = attached / "competitions" / "bengaliai-cv19"
    assert inputs.find_competition(attached) == place
    shutil.copytree(place, attached / "copy")
    assert inputs.find_competition(attached) == place  # Kaggle's own place comes first
    place.rename(attached / "another")
    with pytest.raises(DataError, match=r"there twice .*; detach one"):
        inputs.find_competition(attached)


def test_what_is_linked_to_is_found_once(attached):
    (attached / "bengaliai-cv19").symlink_to(attached / "competitions" / "bengaliai-cv19")
    assert inputs.find_competition(attached) == attached / "bengaliai-cv19"
    elsewhere = attached.with_name("mounted")
    weights = finished_fold(elsewhere / "fold0")
    (attached / "datasets").symlink_to(elsewhere)
    (attached / "datasets-again").symlink_to(elsewhere)
    found = inputs.find_weights_files(attached)
    assert [path.resolve() for path in found] == [weights]


def test_a_competition_that_is_not_attached_is_asked_for(tmp_path):
    (tmp_path / "sample_submission.csv").touch()  # another's
    with pytest.raises(DataError, match="Add Input, Competitions, bengaliai-cv19"):
        inputs.find_competition(tmp_path)


def test_weights_are_found_once_each_and_unfinished_folds_left_out(tmp_path, capsys):
    one = finished_fold(tmp_path / "datasets" / "me" / "pack" / "weights" / "fold0")
    finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold0", one.read_text())
    two = finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold1")
    begun = tmp_path / "notebooks" / "out" / "folds" / "fold2"
    (begun / "state").mkdir(parents=True)
    (begun / "state" / "identity.json").write_text("{}")
    (begun / "weights.safetensors").write_text("half")
    assert inputs.find_weights_files(tmp_path) == [one, two]
    assert f"{begun}: isn't finished, so it is left out" in capsys.readouterr().out


def test_no_weights_or_others_are_told(tmp_path):
    with pytest.raises(DataError, match=r"no weights.safetensors of a finished fold; attach"):
        inputs.find_weights_files(tmp_path)
    (tmp_path / "resnet.pth").touch()
    with pytest.raises(DataError, match=r"\(found .*resnet.pth, which isn't one\)"):
        inputs.find_weights_files(tmp_path)


def test_an_earlier_sessions_folds_are_copied_and_what_is_there_stays(tmp_path, capsys):
    earlier = tmp_path / "input" / "output" / "folds"
    finished_fold(earlier / "fold0", "old")
    finished_fold(earlier / "wide" / "fold1")
    (earlier / "folds.csv").write_text("a,b\n")
    (earlier / "folds.csv").chmod(0o444)
    work = tmp_path / "working"
    finished_fold(work / "folds" / "fold0", "new")
    assert inputs.find_earlier_folds(tmp_path / "input") == earlier
    inputs.restore_folds(earlier, work)
    assert (work / "folds" / "fold0" / "weights.safetensors").read_text() == "new"
    assert (work / "folds" / "wide" / "fold1" / "run.json").is_file()
    (work / "folds" / "folds.csv").write_text("written again")  # though the input was read-only
    said = capsys.readouterr().out
    assert f"{work / 'folds' / 'wide' / 'fold1'}: finished" in said


def test_no_earlier_session_is_no_fault_and_two_are(tmp_path, capsys):
    assert inputs.find_earlier_folds(tmp_path) is None
    inputs.restore_folds(None, tmp_path)
    assert "starts afresh" in capsys.readouterr().out
    for name in ("one", "two"):
        (tmp_path / name / "folds").mkdir(parents=True)
        (tmp_path / name / "folds" / "folds.csv").touch()
    with pytest.raises(DataError, match="detach all but the last"):
        inputs.find_earlier_folds(tmp_path)
