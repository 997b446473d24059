"""What doctor says of a data directory's shards."""

import worlds
from graphemes.pipeline.data_check import check_shards


def test_shards_that_are_zipped_or_without_rows_are_named(tmp_path, capsys):
    for number, rows in enumerate((2, 0)):
        table = worlds.shard_table(worlds.named(rows), worlds.random_pixels(rows))
        worlds.write_table(tmp_path / f"train_image_data_{number}.feather", table)
    (tmp_path / "train_image_data_2.parquet.zip").touch()
    assert check_shards(tmp_path, "train") == worlds.named(2)
    assert capsys.readouterr().out.splitlines() == [
        f"  empty   {tmp_path / 'train_image_data_1.feather'}: no rows",
        f"  wrong   {tmp_path}: train_image_data_2.parquet.zip is zipped: unzip it there",
        "  train   2 of 2 shards are whole, 2 images",
    ]
