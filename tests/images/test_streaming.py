"""A shard's images part by part: the same as at once, whatever its row groups are."""

from pathlib import Path

import numpy as np
import pytest

import worlds
from graphemes.competition.shard_parts import shard_parts
from graphemes.competition.shards import open_shard
from graphemes.foundation.heads import PIXELS
from graphemes.images import streaming
from graphemes.images.fingerprints import fingerprints_of
from graphemes.images.streaming import decoded_parts, parts_in_memory

ROWS = 7


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    """Row groups of 3, 3 and 1 images, one of the scans white on black."""
    pixels = worlds.random_pixels(ROWS)
    pixels[4] = 255 - pixels[4]
    table = worlds.shard_table(worlds.named(ROWS), pixels)
    path = tmp_path_factory.mktemp("groups") / "test_image_data_0.feather"
    return worlds.write_table(path, table, compression="uncompressed", chunksize=3)


@pytest.mark.parametrize(
    ("together", "most", "sizes"),
    [
        (1, 9, [3, 3, 1]),
        (4, 9, [3, 4]),
        (9, 9, [7]),
        (1, 2, [2, 1, 2, 1, 1]),
        (6, 4, [4, 2, 1]),
    ],
)
def test_parts_are_the_rows_in_order(shard, together, most, sizes):
    with open_shard(shard) as opened:
        parts = list(shard_parts(opened, together, most))
        assert [part.rows for part in parts] == sizes
        assert [name for part in parts for name in part.ids] == worlds.named(ROWS)


@pytest.mark.parametrize("most", [2, None])
def test_parts_hold_what_the_whole_holds(shard, most):
    said: list[str] = []
    parts = list(parts_in_memory(shard, said.append, most=most))
    pixels = np.concatenate([part.pixels for part in parts]).reshape(-1, PIXELS)
    np.testing.assert_array_equal(pixels, worlds.random_pixels(ROWS))
    assert [name for part in parts for name in part.ids] == worlds.named(ROWS)
    for part in parts:
        assert not part.pixels.flags.writeable
        np.testing.assert_array_equal(part.fingerprints, fingerprints_of(part.pixels))
    assert len(said) == 1
    assert "1 of 7 scans are white on black" in said[0]


def test_memory_is_taken_where_the_disk_has_no_room(shard, tmp_path, monkeypatch):
    said: list[str] = []
    (on_disk,) = decoded_parts(shard, tmp_path, said.append)
    assert isinstance(on_disk.pixels.base, np.memmap) or isinstance(on_disk.pixels, np.memmap)
    assert not any("no room" in line for line in said)

    monkeypatch.setattr(streaming, "free_space", lambda place: ROWS * PIXELS - 1)
    (in_memory,) = decoded_parts(shard, tmp_path, said.append)
    assert any("has no room for 0.00 GB of decoded images" in line for line in said)
    assert in_memory.digest == on_disk.digest
    np.testing.assert_array_equal(in_memory.pixels, on_disk.pixels)
    assert list(tmp_path.iterdir()) == []
