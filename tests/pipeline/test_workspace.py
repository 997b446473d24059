"""Where data is looked for, and where results go."""

from pathlib import Path

import pytest

import worlds
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Places
from graphemes.pipeline import workspace
from graphemes.pipeline.synthetic_data import plan_synthetic
from graphemes.pipeline.workspace import demo_directory, find_data, find_layout, find_workspace

CURE = "; give the folder of the competition's files, or leave it out$"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A root and a Kaggle of our own."""
    root, kaggle = tmp_path / "root", tmp_path / "kaggle"
    root.mkdir()
    inputs = (
        kaggle / "input" / "bengaliai-cv19",
        kaggle / "input" / "competitions" / "bengaliai-cv19",
    )
    assert [str(path)[1:] for path in workspace.KAGGLE_INPUTS] == [
        str(path.relative_to(tmp_path)) for path in inputs
    ]
    monkeypatch.setattr(workspace, "ROOT", root)
    monkeypatch.setattr(workspace, "KAGGLE_WORKING", kaggle / "working")
    monkeypatch.setattr(workspace, "KAGGLE_INPUTS", inputs)
    return root, kaggle, inputs


def test_data_is_looked_for_in_the_checkout_then_on_kaggle(world):
    root, _, inputs = world
    assert find_data(Places()) is None
    for place in (inputs[1], inputs[0], root / "data" / "bengaliai-cv19"):
        place.mkdir(parents=True)
        assert find_data(Places()) == place


def test_an_asked_data_dir_comes_first_and_must_be_there(world, tmp_path):
    root, _, _ = world
    (root / "data" / "bengaliai-cv19").mkdir(parents=True)
    mine = tmp_path / "mine"
    with pytest.raises(DataError, match=rf"^data_dir=\S+mine: no such directory{CURE}"):
        find_data(Places(data_dir=mine))
    mine.mkdir()
    assert find_data(Places(data_dir=mine)) == mine


def test_work_goes_beside_run_sh_or_to_kaggle_working_or_where_asked(world, tmp_path):
    root, kaggle, _ = world
    assert find_layout(Places()).work_dir == root
    (kaggle / "working").mkdir(parents=True)
    assert find_layout(Places()).work_dir == kaggle / "working"
    asked = tmp_path / "new" / "place"
    assert find_layout(Places(work_dir=asked)).work_dir == asked
    assert asked.is_dir()


def test_a_work_dir_that_is_a_file_is_a_sentence(world, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^work_dir=\S+file: can't be made: File exists; choose"):
        find_layout(Places(work_dir=tmp_path / "file"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has /proc")
def test_a_work_dir_that_cannot_be_written_is_a_sentence(world):
    # Where not even the superuser can, who may write anywhere by the file's mode.
    told = r"^work_dir=/proc: can't be written: .+; choose another with work_dir=PATH$"
    with pytest.raises(UserError, match=told):
        find_layout(Places(work_dir="/proc"))
    with pytest.raises(UserError, match=r"/proc/a: can't be made: .+; choose .+ work_dir=PATH$"):
        find_layout(Places(work_dir="/proc/a"))


def test_a_data_dir_that_is_a_file_is_called_one(world, tmp_path):
    (tmp_path / "file").write_text("")
    told = rf"^data_dir=\S+file: is a file, expected a directory{CURE}"
    with pytest.raises(DataError, match=told):
        find_data(Places(data_dir=tmp_path / "file"))


def test_the_demo_lies_beside_run_sh_whatever_the_work_dir(world, tmp_path, monkeypatch):
    root, _, _ = world
    mine = Layout(tmp_path / "work")
    assert demo_directory(mine) == root / "data" / "demo"
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != root)
    assert demo_directory(mine) == tmp_path / "work" / "data" / "demo"


def test_real_scans_are_turned_as_asked_and_drawings_never(demo, kaggle_like, tmp_path):
    words = {"work_dir": tmp_path / "work", "invert": "true"}
    assert find_workspace(Places(data_dir=demo, **words)).invert == "false"
    real = find_workspace(Places(data_dir=kaggle_like, **words))
    assert real.invert == "true"
    synthetic = worlds.write_synthetic(tmp_path / "drawn", images=4)
    plan = plan_synthetic(TrainSettings(synthetic=synthetic), real)
    assert plan.workspace.invert == "false"
