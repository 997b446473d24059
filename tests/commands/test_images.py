"""predict images=: picture files to a table; version."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import train_quickly
from graphemes.api import read_shards
from graphemes.foundation.versions import VERSION


@pytest.fixture(scope="module")
def trained(untested, tmp_path_factory) -> Path:
    return train_quickly(tmp_path_factory.mktemp("pictures"), data_dir=untested)


@pytest.fixture(scope="module")
def pictures(kaggle_like, tmp_path_factory) -> Path:
    """A folder of picture files, one of them deeper, and something else."""
    _, scans = read_shards(kaggle_like, "test")
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    Image.fromarray(scans[0]).save(folder / "b.png")
    Image.fromarray(np.kron(scans[1], np.ones((3, 3), np.uint8))).save(folder / "a b.JPG")
    Image.fromarray(scans[2]).convert("P").save(folder / "more" / "c.gif")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def work(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "work", ignore=shutil.ignore_patterns("data")))


def test_a_folder_of_pictures_becomes_a_table(work, pictures, run):
    said = run("predict", images=pictures, work_dir=work)
    assert said.code == 0, said.err
    table = pd.read_csv(work / "submissions" / "images.csv")
    assert table.columns.tolist() == [
        *("file", "root", "vowel", "consonant"),
        *("root_probability", "vowel_probability", "consonant_probability", "grapheme"),
    ]
    assert table["file"].tolist() == ["a b.JPG", "b.png", "more/c.gif"]
    assert "b.png: " in said.out
    assert "images.csv: 3 rows written" in said.out
    again = run("predict", images=pictures, work_dir=work)
    assert again.code == 0
    assert "says the same already: kept" in again.out


def test_another_table_is_replaced_only_if_asked(work, pictures, run):
    assert run("predict", images=pictures, work_dir=work).code == 0
    before = (work / "submissions" / "images.csv").read_bytes()
    said = run("predict", images=pictures / "b.png", work_dir=work)
    assert said.code == 2
    assert "images.csv: there already and says something else; overwrite=true" in said.err
    assert (work / "submissions" / "images.csv").read_bytes() == before
    said = run("predict", images=pictures / "b.png", work_dir=work, overwrite="true")
    assert said.code == 0, said.err
    assert len(pd.read_csv(work / "submissions" / "images.csv")) == 1


def test_named_weights_need_no_run(trained, pictures, tmp_path, run):
    weights = trained / "folds" / "fold0" / "weights.safetensors"
    out = tmp_path / "out.csv"
    said = run("predict", images=pictures, weights=weights, work_dir=tmp_path / "w", submission=out)
    assert said.code == 0, said.err
    assert len(pd.read_csv(out)) == 3


@pytest.mark.parametrize("case", ["gone", "empty", "no picture"])
def test_what_is_no_picture_leaves_nothing(case, work, tmp_path, run):
    folder = tmp_path / "folder"
    told = {
        "gone": "folder: no such file or folder",
        "empty": "folder: no picture files; expected .bmp, ",
        "no picture": "a.png: no picture that can be read; expected one of BMP, ",
    }
    if case != "gone":
        folder.mkdir()
    if case == "no picture":
        (folder / "a.png").write_text("no picture")
    said = run("predict", images=folder, work_dir=work)
    assert said.code == 2
    assert told[case] in said.err
    assert said.err.count("\n") == 1
    assert not (work / "submissions" / "images.csv").exists()


def test_without_a_finished_fold_nothing_is_read(pictures, tmp_path, run):
    said = run("predict", images=pictures, work_dir=tmp_path)
    assert said.code == 2
    assert "no finished fold; train one first" in said.err


def test_version_is_one_line(run):
    said = run("version")
    assert said.code == 0
    assert said.out.startswith(f"graphemes {VERSION}, ")
    assert said.out.count("\n") == 1
