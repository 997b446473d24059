"""Synthetic images join the training rows of a fold, and nothing else."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from conftest import QUICK, through_the_door
from graphemes.foundation.files import read_json, write_json
from graphemes.images.scan_facts import read_facts
from graphemes.pipeline.training_data import store_name
from worlds import write_manifest, write_synthetic

pytestmark = pytest.mark.slow  # a training each; that pictures are mixed is tested by room

SYNTHETIC = 40
# Three epochs of 26, 16 and 6 synthetic images among 32.
SHARE = {"synthetic_share": "0.8:0.2", "epochs": 3}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A directory of synthetic images; no test changes it."""
    return write_synthetic(tmp_path_factory.mktemp("synthetic") / "bars", SYNTHETIC)


@pytest.fixture
def own(drawn, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(drawn, tmp_path / "bars"))


@pytest.fixture(scope="module")
def trained(untested, decoded, drawn, tmp_path_factory) -> tuple[Path, str]:
    """A work directory where a fold was trained on both kinds, and what the run said."""
    work = Path(shutil.copytree(decoded, tmp_path_factory.mktemp("mixed") / "work"))
    words = {**QUICK, **SHARE, "data_dir": untested, "work_dir": work, "synthetic": drawn}
    process = through_the_door(*(f"{key}={value}" for key, value in words.items()), cwd=work)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return work, out


@pytest.fixture
def again(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "work"))


def marks_in(work: Path, name: str) -> np.ndarray:
    """The fingerprints of a store in the cache, by the start of its name."""
    (path,) = (work / "data" / "cache").glob(f"{name}*.facts")
    return read_facts(path)["fingerprint"]


def learnt(work: Path, fold: str = "fold0") -> np.ndarray:
    """The fingerprints of what the weights were trained on."""
    return load_file(work / "folds" / fold / "weights.safetensors")["trained_on"].numpy()


def test_a_fold_says_what_it_is_trained_on(trained):
    wanted = "plus 40 synthetic, share 0.8:0.2 of 32 pictures an epoch, resnet18 at 32x32"
    assert f"fold 0: 32 training and 32 validation images, {wanted}" in trained[1]


def test_the_certificate_counts_both_kinds(trained, drawn):
    certificate = read_json(trained[0] / "folds" / "fold0" / "run.json")
    assert certificate["training_images"] == 32
    assert certificate["synthetic_images"] == SYNTHETIC
    assert certificate["image_passes"] == 3 * 32
    assert certificate["synthetic_passes"] == 26 + 16 + 6  # 0.8, 0.5, 0.2 of 32
    assert certificate["settings"]["synthetic"] == str(drawn)
    assert certificate["identity"]["settings"]["synthetic_share"] == "0.8:0.2"
    assert certificate["digests"].keys() == {"data", "folds", "synthetic"}


def test_synthetic_images_are_neither_folded_nor_validated_nor_scored(trained, untested):
    folds = trained[0] / "folds"
    real = set(pd.read_csv(untested / "train.csv")["image_id"])
    table = pd.read_csv(folds / "folds.csv")
    assert set(table["image_id"]) == real
    judged = pq.read_table(folds / "fold0" / "oof.parquet").to_pydict()
    assert len(judged["image_id"]) == 32
    assert set(judged["image_id"]) <= set(table["image_id"][table["fold"] == 0])
    truth = table.set_index("image_id")["grapheme_root"][judged["image_id"]]
    assert truth.tolist() == judged["grapheme_root"]
    assert read_json(folds / "scores.json")["overall"]["n"] == 32


def test_the_weights_remember_both_kinds(trained):
    real, synthetic = marks_in(trained[0], "data-"), marks_in(trained[0], "bars-")
    assert len(np.intersect1d(learnt(trained[0]), real)) == 32
    assert set(learnt(trained[0])) - set(real) == set(synthetic)


def test_a_copy_elsewhere_is_the_same_data_and_stores_are_used_again(again, untested, own, train):
    said = train(data_dir=untested, work_dir=again, synthetic=own, **SHARE)
    assert said.code == 0, said.err
    assert "fold 0: finished with these settings and data: kept" in said.out
    assert said.out.count("making it from") == 1  # a store of its own, beside the first's
    said = train(data_dir=untested, work_dir=again, synthetic=own, **SHARE)
    assert "making it from" not in said.out
    assert store_name(own, "train") != store_name(own.parent / "other" / own.name, "train")


def other_label(directory: Path) -> None:
    table = pd.read_csv(directory / "train.csv")
    table.loc[0, "grapheme_root"] = (table.loc[0, "grapheme_root"] + 1) % 100
    table.to_csv(directory / "train.csv", index=False)
    mark_again(directory)


def mark_again(directory: Path) -> None:
    (directory / "synthesis.json").unlink()
    write_manifest(directory)


def other_pixel(directory: Path) -> None:
    path = directory / "train_image_data_0.parquet"
    table = pq.read_table(path)
    column = table.schema.get_field_index("7")
    changed = pq.read_table(path)["7"].to_numpy() ^ 1
    pq.write_table(table.set_column(column, "7", [changed]), path)
    mark_again(directory)


@pytest.mark.parametrize("change", [other_label, other_pixel])
def test_changed_synthetic_images_are_other_data(change, again, untested, own, train):
    change(own)
    said = train(data_dir=untested, work_dir=again, synthetic=own, **SHARE)
    assert said.code == 2, said
    assert "made with other settings or data (its synthetic images differ)" in said.err
    assert said.err.count("\n") == 1


def test_without_synthetic_images_it_is_another_run(again, untested, train):
    said = train(data_dir=untested, work_dir=again, epochs=3)
    assert said.code == 2
    assert "synthetic_share is 0.8:0.2, asked for None; its synthetic images differ" in said.err


@pytest.mark.slow  # that a run goes on is tested in test_story, and what it shows in test_sampling
def test_an_end_in_the_middle_changes_no_epoch(trained, untested, drawn, work, train):
    settings = {**SHARE, "data_dir": untested, "synthetic": drawn, "work_dir": work}
    words = [f"{key}={value}" for key, value in {**QUICK, **settings, "workers": 1}.items()]
    log = work / "folds" / "fold0" / "log.jsonl"
    process = through_the_door(*words, cwd=work)
    until = time.monotonic() + 120
    while not log.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)
    said = train(**settings)
    assert said.code == 0, said.err
    lines = [path.read_text().splitlines() for path in (log, trained[0] / "folds/fold0/log.jsonl")]
    losses, wanted = ([json.loads(line)["loss"] for line in of] for of in lines)
    assert losses == pytest.approx(wanted, rel=1e-4)


def test_synthetic_images_alone(untested, drawn, work, train, run):
    settings = {"data_dir": untested, "work_dir": work}
    said = train(**settings, synthetic=drawn, synthetic_share=1, epochs=2)
    assert said.code == 0, said.err
    assert "fold 0: 0 training and 32 validation images, plus 40 synthetic, share 1" in said.out
    certificate = read_json(work / "folds" / "fold0" / "run.json")
    assert certificate["image_passes"] == certificate["synthetic_passes"] == 2 * 32
    assert set(learnt(work)) == set(marks_in(work, "bars-"))
    weights = work / "folds" / "fold0" / "weights.safetensors"
    said = run("score", weights=weights, **settings)
    assert "200 of 200 labelled images are outside the training rows" in said.out


def test_limit_and_exclude_touch_real_rows_only(untested, drawn, work, tmp_path, train):
    ids = pd.read_csv(untested / "train.csv")["image_id"]
    (tmp_path / "out.txt").write_text("\n".join(ids[20:]))  # names of synthetic images too
    said = train(
        data_dir=untested,
        work_dir=work,
        synthetic=drawn,
        exclude=tmp_path / "out.txt",
        limit=18,
        fold="none",
    )
    assert said.code == 0, said.err
    assert "18 training and 0 validation images, plus 40 synthetic, share 0.5 of 16" in said.out
    certificate = read_json(work / "folds" / "foldnone" / "run.json")
    assert certificate["synthetic_images"] == SYNTHETIC
    assert certificate["synthetic_passes"] == 8


def test_validation_images_among_the_synthetic_ones_are_warned_of(untested, work, tmp_path, train):
    same = Path(shutil.copytree(untested, tmp_path / "same"))
    write_manifest(same)
    said = train(data_dir=untested, work_dir=work, synthetic=same)
    assert said.code == 0, said.err
    assert "WARNING: 32 of the 32 validation images are among the synthetic ones" in said.out
    certificate = read_json(work / "folds" / "fold0" / "run.json")
    assert certificate["validation_images_among_synthetic"] == 32


def rewrite(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)
    mark_again(path.parent)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def add(path: Path) -> None:
    shutil.copy(path.with_name("train_image_data_0.parquet"), path)


def no_shards(directory: Path) -> None:
    for path in directory.glob("train_image*"):
        path.unlink()
    mark_again(directory)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (shutil.rmtree, "no such directory; expected a directory that synthesise made"),
    "no manifest": (
        lambda d: (d / "synthesis.json").unlink(),
        "no synthesis.json, so not synthetic images or not all;",
    ),
    "a manifest of another kind": (
        lambda d: write_json(d / "synthesis.json", [1]),
        "synthesis.json: says nothing of files; expected a directory that synthesise made",
    ),
    "an unfinished one": (
        lambda d: write_json(d / "synthesis.json", {"drawing": {"images": 3}}),
        "synthesis.json: isn't finished; the synthesise command that began it goes on",
    ),
    "a manifest cut short": (
        lambda d: (d / "synthesis.json").write_text("{"),
        "synthesis.json: can't be read as JSON",
    ),
    "a file missing": (
        lambda d: (d / "train_image_data_1.parquet").unlink(),
        "bytes as synthesis.json says, got nothing; the synthesise command that",
    ),
    "a file of another size": (
        lambda d: cut(d / "train_image_data_1.parquet"),
        "bytes as synthesis.json says, got 1,000 bytes; the synthesise command that",
    ),
    "a shard that isn't its own": (
        lambda d: add(d / "train_image_data_5.parquet"),
        "train_image_data_5.parquet: isn't among the files of synthesis.json;",
    ),
    "no shards": (no_shards, "no train_image_data_*.parquet;"),
    "a label out of range": (
        lambda d: rewrite(d / "train.csv", lambda t: t.assign(grapheme_root="168")),
        "train.csv: line 2: grapheme_root: expected a whole number, 0..167, got '168'",
    ),
    "an image in no shard": (
        lambda d: rewrite(d / "train.csv", lambda t: t.assign(image_id="X_" + t["image_id"])),
        "train.csv: 40 of 40 images are in no shard, first 'X_Train_0'",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_no_whole_synthetic_directory_is_refused(name, own, untested, tmp_path, train):
    damage, told = DAMAGE[name]
    damage(own)
    said = train(data_dir=untested, work_dir=tmp_path / "w", synthetic=own)
    assert said.code == 2, said
    assert told in said.err
    assert str(own) in said.err
    assert said.err.count("\n") == 1
    assert not [path for path in (tmp_path / "w").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"synthetic_share": 0.5}, "synthetic_share=0.5: there are no synthetic images; add"),
        ({"synthetic_share": "0.8:1.5", "synthetic": "."}, "got '0.8:1.5', expected a share from"),
    ],
)
def test_a_share_that_does_not_fit_is_refused(words, told, tmp_path, train):
    said = train(work_dir=tmp_path / "w", **words)  # before a demo is drawn
    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_data_dir_cannot_be_its_own_synthetic_images(own, tmp_path, train):
    said = train(data_dir=own, work_dir=tmp_path / "w", synthetic=own)
    assert said.code == 2
    assert "is data_dir itself, whose images are validated too" in said.err


def test_doctor_counts_them(drawn, own, untested, tmp_path, run):
    said = run("doctor", data_dir=untested, work_dir=tmp_path / "w", synthetic=drawn)
    assert said.code == 0, said.err
    assert "2 of 2 shards are whole, 40 images" in said.out
    assert "of disk for 240 images" in said.out
    cut(own / "train.csv")
    said = run("doctor", data_dir=untested, work_dir=tmp_path / "w", synthetic=own)
    assert said.code == 0
    assert "wrong" in said.out
    assert "of disk for 200 images" in said.out


def test_a_number_draws_so_many_first_and_keeps_them(untested, work, train):
    words = {"data_dir": untested, "work_dir": work, "synthetic": 3, "synthetic_share": 0.1}
    said = train(**words)
    assert said.code == 0, said.err
    drawn = work / "data" / "synthetic" / "3-seed0"
    assert f"{drawn}: 3 images drawn" in said.out
    assert "plus 3 synthetic, share 0.1" in said.out
    before = {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()}
    again = train(**words, name="again")
    assert again.code == 0, again.err
    assert "images drawn" not in again.out
    assert {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()} == before


@pytest.mark.parametrize("count", [0, -3, 10_000_001])
def test_a_number_that_cannot_be_drawn_is_refused(train, count):
    said = train(synthetic=count)
    assert said.code == 2
    assert f"setting 'synthetic': got '{count}', expected a folder that synthesise made, or" in (
        said.err
    )


def test_a_disk_too_small_for_drawings_and_their_store_is_said_before_any_is_drawn(
    untested, tmp_path, monkeypatch, train
):
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    said = train(data_dir=untested, work_dir=tmp_path, synthetic=1_000_000)
    assert said.code == 2
    # 37.13 GB of shards, for which there is room, and 32.33 GB of decoded pixels.
    assert "drawing 1,000,000 images and decoding them needs 69.48 GB, 50.00 GB are" in said.err
    assert not list(tmp_path.rglob("*.parquet"))
