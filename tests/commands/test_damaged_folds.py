"""Files of a fold that are lost, damaged or another run's: what says so, and what mends it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import train_quickly

OTHER = "other"  # a run of the same images with another seed


def slow(*values: object) -> object:
    """A case of the long tests."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def two(untested, decoded, tmp_path_factory) -> Path:
    """A work directory with a run, and another beside it."""
    work = Path(shutil.copytree(decoded, tmp_path_factory.mktemp("two") / "work"))
    train_quickly(work, data_dir=untested)
    return train_quickly(work, data_dir=untested, name=OTHER, seed=1)


@pytest.fixture
def again(two, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(two, tmp_path / "work"))


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def swapped(path: Path) -> None:
    shutil.copyfile(path.parents[1] / OTHER / path.parent.name / path.name, path)


@pytest.mark.parametrize("spoil", [slow(gone), slow(emptied), flipped, slow(swapped)])
def test_a_table_that_is_lost_is_made_again_from_the_weights(spoil, again, untested, train):
    table = again / "folds" / "fold0" / "oof.parquet"
    kept = table.read_bytes()
    spoil(table)
    said = train(data_dir=untested, work_dir=again)
    assert said.code == 0, said.err
    assert "fold 0: its weights are kept; its table is gone or damaged, and made again" in said.out
    assert table.read_bytes() == kept


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        slow("weights.safetensors", emptied),
        ("weights.safetensors", flipped),
        slow("weights.safetensors", swapped),
        slow("run.json", emptied),
    ],
)
def test_what_only_training_mends_is_refused_with_that_cure(name, spoil, again, untested, train):
    fold = again / "folds" / "fold0"
    kept = (fold / "weights.safetensors").read_bytes()
    spoil(fold / name)
    spoiled = (fold / name).read_bytes()
    said = train(data_dir=untested, work_dir=again)
    assert said.code == 2
    assert f"{fold / name}: " in said.err
    assert said.err.endswith("; overwrite=true trains the fold again\n")
    assert (fold / name).read_bytes() == spoiled
    said = train(data_dir=untested, work_dir=again, overwrite="true")
    assert said.code == 0, said.err
    assert (fold / "weights.safetensors").read_bytes() == kept


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("score", "oof.parquet"),
        slow("report", "oof.parquet"),
        ("predict", "weights.safetensors"),
        slow("doctor", "oof.parquet"),
        slow("doctor", "weights.safetensors"),
    ],
)
def test_another_runs_file_is_noticed_on_use(command, name, again, kaggle_like, run):
    path = again / "folds" / "fold0" / name
    swapped(path)
    words = {"check": "true"} if command == "doctor" else {}
    said = run(command, work_dir=again, data_dir=kaggle_like, **words)
    assert said.code == 2
    told = said.out if command == "doctor" else said.err
    assert f"{path}: isn't of the run that run.json beside it tells of" in told


@pytest.mark.parametrize("spoil", [slow(gone), emptied, slow(flipped)])
def test_best_weights_that_are_damaged_cost_no_training(
    spoil: Callable[[Path], None], untested, work, train
):
    settings = {"data_dir": untested, "work_dir": work, "epochs": 2000}
    said = train(**settings, time_limit="4s")
    assert "the same command goes on" in said.out, said.err
    state = work / "folds" / "fold0" / "state"
    (best,) = state.glob("best-*.safetensors")
    spoil(best)
    said = train(**settings)
    assert said.code == 2
    assert f"{best}: " in said.err
    assert said.err.endswith("; resume=false starts the fold afresh\n")
    assert "2,000: loss" not in said.out
    assert not (work / "folds" / "fold0" / "weights.safetensors").exists()
    said = train(**{**settings, "epochs": 1}, resume="false", overwrite="true")
    assert said.code == 0, said.err


@pytest.mark.slow
def test_whose_a_training_is_that_cannot_be_read_is_mended_by_overwriting(untested, work, train):
    settings = {"data_dir": untested, "work_dir": work, "epochs": 2000}
    assert train(**settings, time_limit="4s").code == 0
    emptied(work / "folds" / "fold0" / "state" / "identity.json")
    said = train(**settings)
    assert said.code == 2
    assert said.err.endswith("; overwrite=true trains the fold again\n")
    said = train(**{**settings, "epochs": 1}, overwrite="true")
    assert said.code == 0, said.err


def test_a_store_of_no_bytes_is_made_again(again, untested, train):
    for pixels in (again / "data" / "cache").glob("*-train.npy"):
        emptied(pixels)
    said = train(data_dir=untested, work_dir=again, name="new")
    assert said.code == 0, said.err
    assert "a file of the old one is missing or damaged" in said.out


def test_a_name_that_is_too_long_is_said_before_the_training(untested, kaggle_like, work, train):
    said = train(data_dir=kaggle_like, work_dir=work, name="x" * 250)
    assert said.code == 2
    assert "its name takes 254 bytes, expected at most 190" in said.err
    assert "loss" not in said.out
    assert not list((work / "folds").glob("x*"))


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "oof.parquet"])
def test_a_folder_where_a_file_is_expected_is_named(name, again, untested, train):
    path = again / "folds" / "fold0" / name
    path.unlink()
    path.mkdir()
    said = train(data_dir=untested, work_dir=again)
    assert said.code == 2
    assert f"{path}: is a folder, expected a file; move it away" in said.err


@pytest.mark.parametrize("place", ["folds/fold0", "folds", "data/cache"])
def test_a_file_where_a_folder_is_expected_is_named(place, untested, work, train):
    path = work / place
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    said = train(data_dir=untested, work_dir=work)
    assert said.code == 2
    assert f"{path}: is a file, expected a folder; move it away" in said.err
