"""What users get wrong: one line, exit code 2, nothing written or lost."""

import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import QUICK, REPOSITORY, train_quickly


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


def rewrite(path: Path, change: Callable) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def zip_up(path: Path) -> None:
    """Leave a file as Kaggle's download tool does."""
    with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w") as archive:
        archive.write(path, path.name)
    path.unlink()


SHARD, LABELS, SAMPLE = "train_image_data_0.parquet", "train.csv", "sample_submission.csv"
TEST_SHARD = "test_image_data_0.parquet"


def with_cell(column: str, row: int, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row, column] = value
        return table

    return change


# What is done to the data directory, and words that the sentence must hold.
DAMAGE: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a shard cut short": (lambda d: cut(d / SHARD), [SHARD]),
    "a shard that is no Parquet": (lambda d: (d / SHARD).write_text("hello"), [SHARD]),
    "no shards": (
        lambda d: [path.unlink() for path in d.glob("train_image*")],
        ["no train_image_data_"],
    ),
    "a pixel column missing": (
        lambda d: rewrite(d / SHARD, lambda t: t.select(["image_id", "0", "1", "3"])),
        [SHARD, "3 pixel columns, expected 32332", "missing: '2'"],
    ),
    "no image_id": (
        lambda d: rewrite(d / SHARD, lambda t: t.select(["0", "1"])),
        [SHARD, "image_id"],
    ),
    "a shard without rows": (
        lambda d: rewrite(d / SHARD, lambda t: t.slice(0, 0)),
        ["are in no shard", f"{SHARD} has no rows"],
    ),
    "shards without rows": (
        lambda d: [rewrite(path, lambda t: t.slice(0, 0)) for path in d.glob("train_image*")],
        [f"no rows in {SHARD}, train_image_data_1.parquet, expected at least one image"],
    ),
    "shards still zipped": (
        lambda d: [zip_up(path) for path in d.glob("train_image*")],
        [f"{SHARD}.zip and train_image_data_1.parquet.zip are zipped: unzip them there"],
    ),
    "a shard still zipped": (
        lambda d: zip_up(d / SHARD),
        ["are in no shard", f"{SHARD}.zip is zipped: unzip it there"],
    ),
    "train.csv still zipped": (lambda d: zip_up(d / LABELS), ["train.csv.zip is zipped: unzip it"]),
    "an id twice across shards": (
        lambda d: (d / "train_image_data_7.parquet").write_bytes((d / SHARD).read_bytes()),
        ["Train_0", "train_image_data_7.parquet"],
    ),
    "train.csv missing": (lambda d: (d / LABELS).unlink(), [LABELS]),
    "train.csv empty": (lambda d: (d / LABELS).write_text(""), [LABELS, "empty"]),
    "a label column missing": (
        lambda d: edit(d / LABELS, lambda t: t.drop(columns="vowel_diacritic")),
        [LABELS, "vowel_diacritic"],
    ),
    "a label out of range": (
        lambda d: edit(d / LABELS, with_cell("grapheme_root", 4, "168")),
        [LABELS, "grapheme_root", "168", "line 6"],
    ),
    "a label that is no number": (
        lambda d: edit(d / LABELS, with_cell("vowel_diacritic", 0, "x")),
        [LABELS, "vowel_diacritic", "'x'"],
    ),
    "a gap": (
        lambda d: edit(d / LABELS, with_cell("consonant_diacritic", 0, "")),
        [LABELS, "consonant_diacritic"],
    ),
    "an image in no shard": (
        lambda d: edit(d / LABELS, with_cell("image_id", 3, "Train_9999")),
        [LABELS, "Train_9999"],
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_training_data(name, own_data, tmp_path, train):
    damage, told = DAMAGE[name]
    for path in own_data.glob("test_image*"):
        path.unlink()
    damage(own_data)
    work = tmp_path / "work"
    said = train(data_dir=own_data, work_dir=work)
    assert said.code == 2, said
    assert said.err.startswith("graphemes: ")
    assert said.err.count("\n") == 1
    for word in told:
        assert word in said.err
    assert not list(work.rglob("*.npy"))
    assert not (work / "folds").exists()


@pytest.fixture(scope="module")
def work(kaggle_like, tmp_path_factory) -> Path:
    """A work directory with one finished fold; tests only read it."""
    return train_quickly(tmp_path_factory.mktemp("finished"), data_dir=kaggle_like)


TEST_DAMAGE: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a row missing": (lambda d: edit(d / SAMPLE, lambda t: t.drop(index=2)), [SAMPLE, "Test_"]),
    "an unknown row": (
        lambda d: edit(d / SAMPLE, with_cell("row_id", 0, "Test_99_grapheme_root")),
        ["Test_99_grapheme_root"],
    ),
    "sample_submission.csv missing": (lambda d: (d / SAMPLE).unlink(), [SAMPLE]),
    "test.csv missing": (lambda d: (d / "test.csv").unlink(), ["test.csv: not found"]),
    "a test shard missing": (lambda d: (d / TEST_SHARD).unlink(), ["in no test shard", "Test_"]),
    "test shards still zipped": (
        lambda d: [zip_up(path) for path in d.glob("test_image*")],
        ["no test_image_data_*.parquet", f"{TEST_SHARD}.zip", "zipped: unzip"],
    ),
    "no test shards": (
        lambda d: [path.unlink() for path in d.glob("test_image*")],
        ["no test_image_data_*.parquet", "point data_dir at"],
    ),
    "a test shard cut short": (lambda d: cut(d / TEST_SHARD), [TEST_SHARD]),
}


@pytest.mark.parametrize("name", TEST_DAMAGE)
def test_damaged_test_data(name, own_data, work, tmp_path, run):
    damage, told = TEST_DAMAGE[name]
    damage(own_data)
    out = tmp_path / "out.csv"
    said = run("predict", data_dir=own_data, work_dir=work, submission=out)
    assert said.code == 2, said
    assert said.err.count("\n") == 1
    for word in told:
        assert word in said.err
    assert not out.exists()


def test_damaged_test_data_is_said_before_training(own_data, tmp_path, train):
    edit(own_data / SAMPLE, lambda t: t.drop(index=2))
    said = train(data_dir=own_data, work_dir=tmp_path / "w")
    assert said.code == 2
    assert SAMPLE in said.err
    assert not list((tmp_path / "w").rglob("*.npy"))


@pytest.mark.parametrize("name", [SAMPLE, "test.csv"])
def test_a_training_does_without_a_table_of_test_images(name, own_data, tmp_path, train):
    (own_data / name).unlink()
    said = train(data_dir=own_data, work_dir=tmp_path / "w")
    assert said.code == 0, said.err
    assert f"no submission will be made: {own_data / name}: not found; put" in said.out
    assert "so no submission" in said.out
    assert (tmp_path / "w" / "folds" / "fold0" / "run.json").is_file()
    assert not (tmp_path / "w" / "submissions").exists()


def test_another_order_of_rows_and_images_nobody_asks_for(own_data, work, tmp_path, run):
    edit(own_data / SAMPLE, lambda t: t.sample(frac=1, random_state=0))
    wanted = pd.read_csv(own_data / SAMPLE)
    wanted = wanted[~wanted["row_id"].str.startswith("Test_1_")]
    wanted.to_csv(own_data / SAMPLE, index=False)
    edit(own_data / "test.csv", lambda t: t[t["image_id"] != "Test_1"])
    out = tmp_path / "out.csv"
    said = run("predict", data_dir=own_data, work_dir=work, submission=out)
    assert said.code == 0, said.err
    assert "1 images of the test shards are asked for by no row: ignored" in said.out
    made = pd.read_csv(out)
    assert made["row_id"].tolist() == wanted["row_id"].tolist()
    before = pd.read_csv(work / "submissions" / "submission.csv").set_index("row_id")["target"]
    assert made.set_index("row_id")["target"].to_dict() == {
        row: before[row] for row in made["row_id"]
    }


def test_test_images_white_on_black_are_predicted_as_they_are(own_data, work, tmp_path, run):
    def invert(table: pa.Table) -> pa.Table:
        columns = zip(table.column_names, table.columns, strict=True)
        turned = [pc.bit_wise_not(x) if name.isdigit() else x for name, x in columns]
        return pa.table(turned, names=table.column_names)

    rewrite(own_data / TEST_SHARD, invert)
    out = tmp_path / "out.csv"
    words = {"data_dir": own_data, "work_dir": work, "submission": out}
    said = run("predict", **words)
    assert said.code == 0, said.err
    told = f"{TEST_SHARD}: 3 of 3 scans are white on black: turned (invert=false leaves them)"
    assert told in said.out.splitlines()
    assert out.read_bytes() == (work / "submissions" / "submission.csv").read_bytes()
    said = run("predict", **words, invert="false")
    assert said.code == 2  # another submission than the one that is there
    said = run("predict", **words, invert="false", overwrite="true")
    assert said.code == 0, said.err
    assert "white on black" not in said.out


def spoil_weights(path: Path, how: str, source: Path) -> None:
    tensors = load_file(source)
    if how == "cut":
        path.write_bytes(source.read_bytes()[:100_000])
    elif how == "a pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    elif how == "torch.save":
        torch.save(tensors, path)
    elif how == "of another network":
        save_file({"fc.weight": torch.zeros(2, 2)}, path)


SPOILT = {
    "missing": "no such weights file",
    "cut": "safetensors",
    "a pickle": "pickle",
    "torch.save": "pickle",
    "of another network": "isn't from this project",
}


@pytest.mark.parametrize("how", SPOILT)
def test_weights_that_do_not_fit(how, work, kaggle_like, tmp_path, run):
    path = tmp_path / "weights.safetensors"
    spoil_weights(path, how, work / "folds" / "fold0" / "weights.safetensors")
    said = run("predict", data_dir=kaggle_like, work_dir=tmp_path / "w", weights=path)
    assert said.code == 2
    assert SPOILT[how] in said.err
    assert str(path) in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["epoch=3"], "unknown setting 'epoch'; did you mean 'epochs'?"),
        (["epochs=many"], "setting 'epochs': got 'many', expected an integer, at least 1"),
        (["lr=nan"], "setting 'lr': got 'nan', expected a number, above 0"),
        (["limit=-3"], "setting 'limit': got '-3'"),
        (["fast"], "unknown command 'fast'"),
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train", "fast"], "'fast' is no setting; expected key=value"),
        (["fold=9"], "fold=9: there are 3 folds, expected 0 to 2"),
        (["help", "trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["help", "fold=0"], "unknown command 'fold=0'; did you mean 'folds'?"),
        (["device=cuda:7"], "device=cuda:7: this machine has"),
        (["precision=fp16", "device=cpu"], "precision=fp16 needs a GPU"),
        (["data_dir=/nowhere/at all"], "data_dir=/nowhere/at all: no such directory"),
        (["data_dir=/etc/passwd"], "data_dir=/etc/passwd: is a file, expected a directory"),
        (["folds=/nowhere/folds.csv"], "/nowhere/folds.csv"),
        (
            ["exclude=/nowhere/ids.txt"],
            "graphemes: exclude=/nowhere/ids.txt: can't be read: No such file or directory;"
            " expected a file of image ids, one a line\n",
        ),
        (["init=/nowhere/w.safetensors"], "/nowhere/w.safetensors"),
    ],
)
def test_words_that_do_not_fit(words, told, kaggle_like, tmp_path, run):
    rest = {"data_dir": kaggle_like, "work_dir": tmp_path / "w", **QUICK}
    given = {word.partition("=")[0] for word in words}
    filled = {key: value for key, value in rest.items() if key not in given}
    said = run(*words, **filled)
    assert said.code == 2, said
    assert told in said.err
    assert said.err.count("\n") == 1
    # Said before anything is decoded, drawn or split.
    assert not [path for path in (tmp_path / "w").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["by=root"], "setting 'by': got 'root', expected stratified or grapheme"),
        (["by=grapheme", "folds=mine.csv"], "by=grapheme makes new folds, folds=PATH reads a file"),
        (["by=grapheme", "folds=60"], "expected 60 or more, one a fold"),
    ],
)
def test_folds_that_cannot_be_made(words, told, kaggle_like, tmp_path, run):
    said = run("folds", *words, data_dir=kaggle_like, work_dir=tmp_path / "w")
    assert said.code == 2, said
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not list((tmp_path / "w").rglob("*.csv"))


def test_a_folds_file_that_does_not_fit(kaggle_like, tmp_path, train):
    folds = tmp_path / "w" / "folds" / "folds.csv"
    folds.parent.mkdir(parents=True)
    folds.write_text("image_id,fold\nTrain_0,0\nTrain_1,1\n")
    said = train(data_dir=kaggle_like, work_dir=tmp_path / "w")
    assert said.code == 2
    assert str(folds) in said.err
    assert "overwrite=true" in said.err
    assert folds.read_text().startswith("image_id,fold\nTrain_0,0")


def test_a_submission_of_unknown_origin_is_not_overwritten(kaggle_like, tmp_path, train):
    theirs = tmp_path / "w" / "submissions" / "submission.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("row_id,target\n")
    said = train(data_dir=kaggle_like, work_dir=tmp_path / "w")
    assert said.code == 2
    assert "overwrite=true" in said.err
    assert theirs.read_text() == "row_id,target\n"
    # Said before hours of training, not after.
    assert not (tmp_path / "w" / "folds").exists()


@pytest.mark.parametrize(
    ("place", "told"),
    [("a folder.csv", "is a folder"), ("train.csv/out.csv", "is no folder")],
)
def test_a_place_where_no_submission_can_be(place, told, own_data, tmp_path, train):
    (own_data / "a folder.csv").mkdir()
    said = train(data_dir=own_data, work_dir=tmp_path / "w", submission=own_data / place)
    assert said.code == 2
    assert told in said.err
    assert not [path for path in (tmp_path / "w").rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_file_that_is_no_submission_is_never_replaced(command, work, own_data, tmp_path, run):
    own = tmp_path / "w"
    shutil.copytree(work, own)
    words = {**QUICK} if command == "train" else {}
    labels = own_data / LABELS
    before = labels.read_bytes()
    for name in (LABELS, TEST_SHARD, "out"):
        said = run(
            command,
            **words,
            data_dir=own_data,
            work_dir=own,
            submission=own_data / name,
            overwrite="true",
        )
        assert said.code == 2, said
        assert said.err.count("\n") == 1
        told = "isn't row_id,target" if name == LABELS else "expected the path of a .csv"
        assert told in said.err
    assert labels.read_bytes() == before
    assert not (own_data / "out").exists()


def test_a_submission_that_somebody_changed_is_not_overwritten(work, kaggle_like, tmp_path, run):
    own = tmp_path / "w"
    shutil.copytree(work, own)
    csv = own / "submissions" / "submission.csv"
    changed = csv.read_text().replace("Test_0", "Test_00")
    csv.write_text(changed)
    said = run("predict", data_dir=kaggle_like, work_dir=own)
    assert said.code == 2
    assert "was it changed?" in said.err
    assert csv.read_text() == changed
    (own / "submissions" / "probabilities.parquet").write_text("no parquet")
    said = run("predict", data_dir=kaggle_like, work_dir=own)
    assert said.code == 2
    assert "overwrite=true" in said.err
    assert run("predict", data_dir=kaggle_like, work_dir=own, overwrite="true").code == 0
    assert "Test_00" not in csv.read_text()


def test_packages_that_are_missing_are_named(tmp_path):
    # An interpreter without site-packages stands for an image that lacks them.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "graphemes", "help"],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "lacks" in done.stderr
    assert "pydantic" in done.stderr
    # As pip knows them, which isn't always how they are imported.
    named = done.stderr.split("lacks ")[1].split(";")[0].split(", ")
    assert {"opencv-python-headless", "scikit-learn"} <= set(named)
    assert not {"cv2", "sklearn"} & set(named)
    assert done.stderr.count("\n") == 1
