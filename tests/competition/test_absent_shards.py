"""Images that are in no shard: what is said of the shards that they may be in."""

import zipfile
from pathlib import Path

import pytest

import worlds
from graphemes.competition.absent_shards import absence_advice, no_shards, zipped_shards

ADVICE = "point data_dir at the competition's files"


def zipped(path: Path) -> Path:
    """The path's zip beside it, as Kaggle's download tool leaves it."""
    archive = path.with_name(f"{path.name}.zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(path.name, "pixels")
    return archive


def write(path: Path, rows: int) -> Path:
    table = worlds.shard_table(worlds.named(rows), worlds.random_pixels(rows))
    return worlds.write_table(path, table, compression="uncompressed")


def test_zips_are_shards_that_lie_there_only_zipped(tmp_path):
    there = write(tmp_path / "test_image_data_0.feather", rows=1)
    zipped(there.with_suffix(".parquet"))
    for name in ("train_image_data_1.parquet", "test_images.parquet", "test.csv"):
        zipped(tmp_path / name)
    expected = [
        zipped(tmp_path / f"test_image_data_{k}.{end}")
        for k, end in ((1, "feather"), (2, "parquet"))
    ]
    assert zipped_shards(tmp_path, "test") == expected


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, ADVICE),
        (1, "test_image_data_0.parquet.zip is zipped: unzip it there"),
        (
            2,
            "test_image_data_0.parquet.zip and test_image_data_1.parquet.zip are zipped:"
            " unzip them there",
        ),
        (
            6,
            ", ".join(f"test_image_data_{k}.parquet.zip" for k in range(4))
            + " and 2 more are zipped: unzip them there",
        ),
    ],
)
def test_without_shards_the_zips_are_named(tmp_path, count, told):
    for number in range(count):
        zipped(tmp_path / f"test_image_data_{number}.parquet")
    assert str(no_shards(tmp_path, "test")) == (
        f"{tmp_path}: no test_image_data_*.parquet (or .feather); {told}"
    )


def test_where_images_are_missing_zips_and_shards_without_rows_are_named(tmp_path):
    write(tmp_path / "train_image_data_0.feather", rows=1)
    assert absence_advice(tmp_path, "train") == f"are all train shards in {tmp_path}?"
    write(tmp_path / "train_image_data_1.feather", rows=0)
    empty = "train_image_data_1.feather has no rows: copy or download again"
    assert absence_advice(tmp_path, "train") == empty
    archive = zipped(tmp_path / "train_image_data_2.parquet")
    assert absence_advice(tmp_path, "train") == f"{archive.name} is zipped: unzip it there, {empty}"
