"""What bench compares reads every format that a shard may have."""

import pytest

import worlds
from graphemes.experiments.decodings import DECODINGS


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("name", DECODINGS)
def test_every_decoding_reads_both_formats(name, ending, tmp_path):
    table = worlds.shard_table(worlds.named(3), worlds.random_pixels(3))
    shard = worlds.write_table(tmp_path / f"train_image_data_0.{ending}", table)
    rows, seconds = DECODINGS[name](shard, tmp_path / "cache")
    assert rows == 3
    assert seconds > 0
