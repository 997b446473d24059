"""What bench compares reads whole shards, in every format that our own reading takes."""

import pytest

import worlds
from graphemes.experiments.decodings import ARROW, DECODINGS, POLARS

BOTH = [name for name in DECODINGS if name not in (ARROW, POLARS)]


def read(name, ending, tmp_path):
    table = worlds.shard_table(worlds.named(3), worlds.random_pixels(3))
    shard = worlds.write_table(tmp_path / f"train_image_data_0.{ending}", table)
    rows, seconds = DECODINGS[name](shard, tmp_path / "cache")
    assert rows == 3
    assert seconds > 0


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("name", BOTH)
def test_pandas_and_ours_read_both_formats(name, ending, tmp_path):
    read(name, ending, tmp_path)


def test_arrow_reads_every_column_of_parquet(tmp_path):
    read(ARROW, "parquet", tmp_path)


def test_polars_reads_parquet_where_it_is_installed(tmp_path):
    pytest.importorskip("polars")
    read(POLARS, "parquet", tmp_path)
