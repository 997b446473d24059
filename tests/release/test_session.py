"""A command runs in a process of its own and ends the notebook with its sentence if it fails."""

import sys
from pathlib import Path

import pytest

from graphemes.foundation.errors import SettingsError, UserError
from graphemes.release import session


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
    assert session.import_path() == f"{source}:/kaggle/lib"


def test_a_misspelt_setting_is_refused_before_the_training():
    assert session.chosen_settings({"epochs": 2, "image_size": 64}).epochs == 2
    with pytest.raises(SettingsError, match="did you mean 'epochs'"):
        session.chosen_settings({"epoch": 2})


def test_a_fold_says_how_far_it_is(tmp_path, capsys):
    one, two = session.fold_directories(session.chosen_settings({"fold": "0,1"}), tmp_path)
    end(one)
    session.say_how_far([one, two])
    said = capsys.readouterr().out
    assert f"{one}: finished\n{two}: not finished\nnot finished; save this version" in said
    end(two)
    session.say_how_far([one, two])
    assert (
        "\nfinished; save this version, attach its output to the submit" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"fold": 2, "name": "wide"}, ["wide/fold2"]),
        ({"fold": "0,1"}, ["fold0", "fold1"]),
        ({"fold": "all", "folds": 3}, ["fold0", "fold1", "fold2"]),
        ({"fold": "none"}, ["foldnone"]),
        ({"fold": "all", "folds": "table.csv"}, ["fold4"]),
    ],
)
def test_every_word_for_folds_tells_where_they_are(settings, names, tmp_path):
    end(tmp_path / "folds" / "fold4")
    found = session.fold_directories(session.chosen_settings(settings), tmp_path)
    assert found == [tmp_path / "folds" / name for name in names]


@pytest.mark.parametrize("fold", [[0, 1], "first", 9])
def test_a_word_that_names_no_fold_is_refused_before_the_training(fold):
    with pytest.raises(SettingsError, match="fold"):
        session.chosen_settings({"fold": fold})


def end(directory: Path) -> None:
    directory.mkdir(parents=True)
    for name in ("run.json", "weights.safetensors"):
        (directory / name).touch()


def test_decoded_images_are_not_left_in_the_output(tmp_path):
    (tmp_path / "data" / "cache").mkdir(parents=True)
    session.remove_cache(tmp_path)
    session.remove_cache(tmp_path)
    assert not (tmp_path / "data" / "cache").exists()


def test_what_cannot_be_shown_is_a_sentence(capsys):
    assert session.attempt(lambda: 1) == 1
    assert session.attempt(lambda: next(iter([]))) is None
    assert "can't be shown: StopIteration: StopIteration" in capsys.readouterr().out
