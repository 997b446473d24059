"""A flipped bit in what a run goes by is noticed where it is used, and by doctor check=true."""

import shutil
import struct
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from conftest import QUICK, train_quickly
from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import Layout
from graphemes.pipeline.integrity import check_everything
from worlds import unsealed_record

SMALL = {"widths": "8,16,32,64", "tta": "none", "device": "cpu", "precision": "fp32"}
TRAINED = {**{key: value for key, value in QUICK.items() if key != "limit"}, **SMALL}
# Each file, and a command that goes by it.
USES: dict[str, tuple[str, dict[str, object]]] = {
    "data/cache/*-train.npy": ("train", {**TRAINED, "name": "other"}),
    "folds/fold0/weights.safetensors": ("predict", {"overwrite": "true"}),
    "folds/fold0/oof.parquet": ("score", {}),
    "folds/decisions.json": ("predict", {"decide": "prior", "overwrite": "true"}),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, kaggle_like) -> Path:
    work = tmp_path_factory.mktemp("finished")
    return train_quickly(work, **SMALL, data_dir=kaggle_like, decide="prior")


@pytest.fixture
def whole(finished, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "work"))


def flip(path: Path, place: int) -> None:
    """Turn the lowest bit of a byte."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("pattern", USES)
def test_a_flipped_bit_is_noticed(pattern, whole, kaggle_like, run, capfd):
    """In the midst of a file, where no header and no length tells of it."""
    command, settings = USES[pattern]
    (path,) = whole.glob(pattern)
    content = path.read_bytes()
    middle = len(content) // 2
    flip(path, middle)
    words = {"work_dir": whole, **settings}
    if command != "score":
        words["data_dir"] = kaggle_like
    said = run(command, **words)
    assert said.code == 2, said.out
    assert str(path) in said.err
    assert said.err.count("\n") == 1
    with pytest.raises(DataError, match=r"^1 of \d+ files aren't as they were written"):
        check_everything(Layout(whole), None)
    told = capfd.readouterr().out
    assert told.count("  DAMAGED ") == 1
    assert f"  DAMAGED {path}: " in told


def test_a_changed_folds_file_is_told_of_and_taken(whole, kaggle_like, run, capfd):
    """It may be the user's own change; what was trained with another is refused by its digest."""
    path = whole / "folds" / "folds.csv"
    flip(path, path.read_bytes().index(b",1,") + 1)
    words = {**QUICK, **SMALL, "data_dir": kaggle_like, "work_dir": whole}
    said = run(**words, name="other", resume="true")  # which ends before any training
    changed = f"{path}: isn't as it was written, says folds.json; if the change isn't yours, delete"
    assert f"WARNING: {changed} both, and a run makes them again" in said.out
    assert "resume=true" in said.err
    with pytest.raises(DataError):
        check_everything(Layout(whole), None)
    assert f"  DAMAGED {changed}" in capfd.readouterr().out
    assert "its folds differ" in run(**words).err


@pytest.mark.slow
def test_doctor_reads_shards_stores_and_results(whole, kaggle_like, run):
    said = run("doctor", check="true", data_dir=kaggle_like, work_dir=whole)
    assert said.code == 0, said.err
    # Four shards, the store, folds; rules, weights, table, record; probabilities, submission.
    assert "check     12 files read, 0 of them damaged" in said.out
    submission = whole / "submissions" / "submission.csv"
    submission.write_text(submission.read_text().replace(",0", ",1", 1))
    said = run("doctor", check="true", data_dir=kaggle_like, work_dir=whole)
    assert said.code == 2
    assert f"  DAMAGED {submission}: isn't what probabilities.parquet belongs to" in said.out
    assert "1 of 12 files aren't as they were written; each is named above" in said.err


JSON = ("folds.json", "shares.json", "ensembles/a,b/decisions.json", "decisions.json")


@pytest.mark.parametrize("name", JSON)
def test_a_damaged_json_is_told_of(name, tmp_path, capfd):
    layout = Layout(tmp_path)
    path = layout.folds_csv.parent / name
    path.parent.mkdir(parents=True)
    layout.folds_csv.write_text("image_id,fold\n")
    check_everything(layout, None)
    for content in ("{", "[]"):
        path.write_text(content)
        with pytest.raises(DataError, match=r"^1 of \d files aren't as they were written"):
            check_everything(layout, None)
        assert f"  DAMAGED {path}: " in capfd.readouterr().out


def test_a_fault_that_nobody_foresaw_is_told_of_and_the_others_are_read(tmp_path, capfd):
    """Minus signs in numpy's header, of which its parser makes a RecursionError."""
    layout = Layout(tmp_path)
    layout.cache.mkdir(parents=True)
    store = layout.cache / "a-train"
    header = b"-" * 5000 + b"1\n"
    for name, content in {
        "json": b"{}",
        "ids": b"",
        "npy": b"",
        "facts": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header,
    }.items():
        store.with_suffix(f".{name}").write_bytes(content)
    layout.decisions.parent.mkdir()
    layout.decisions.write_text("{")
    with pytest.raises(DataError, match=r"^2 of 2 files aren't as they were written"):
        check_everything(layout, None)
    told = capfd.readouterr().out
    assert f"  DAMAGED {store}.npy: can't be read (RecursionError: maximum recursion depth" in told
    assert f"  DAMAGED {layout.decisions}: " in told


def test_changed_pixels_are_told_of_by_a_process_that_makes_pictures_too(whole, kaggle_like, run):
    (path,) = whole.glob("data/cache/*-train.npy")
    flip(path, path.stat().st_size // 2)
    said = run(**TRAINED | {"workers": 1}, data_dir=kaggle_like, work_dir=whole, name="other")
    assert said.code == 2
    assert said.err.startswith(f"graphemes: {path}: the pixels of row ")
    assert said.err.endswith("; delete this file, and the same command makes it again\n")
    assert said.err.count("\n") == 1


def test_results_of_before_there_were_checksums_are_whole(whole):
    weights = Layout(whole).fold(0).weights
    with safe_open(weights, "pt") as file:
        metadata = {"graphemes": unsealed_record(file.metadata())}
    save_file(load_file(weights), weights, metadata)
    check_everything(Layout(whole), None)
