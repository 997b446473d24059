"""A command runs in a process of its own and ends the notebook with its sentence if it fails."""

import sys
from pathlib import Path

import pytest

from graphemes.foundation.errors import DataError, SettingsError, UserError
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
    directory.mkdir(parents=True)
    for name in ("run.json", "weights.safetensors"):
        (directory / name).touch()
    session.say_how_far(directory)
    assert "finished; save this version, attach its output to the submit" in capsys.readouterr().out


def test_decoded_images_are_not_left_in_the_output(tmp_path):
    (tmp_path / "data" / "cache").mkdir(parents=True)
    session.remove_cache(tmp_path)
    session.remove_cache(tmp_path)
    assert not (tmp_path / "data" / "cache").exists()


def test_settings_are_read_from_the_weights_file(tmp_path):
    with pytest.raises(DataError, match="no such weights file"):
        session.trained_settings(tmp_path / "weights.safetensors")
