"""Scans white on black are told from black on white, and turned."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

import worlds
from graphemes.competition.shards import decode, open_shard
from graphemes.foundation.heads import PIXELS
from graphemes.images.inversion import MIDDLE, turn_inverted

KAGGLE = Path(__file__).parents[3] / "shared" / "bengaliai-cv19"


def test_turning_is_done_once_and_undone_by_nothing():
    scans = worlds.random_pixels(50)
    scans[::3] //= 3  # mostly dark
    first = scans.copy()
    assert turn_inverted(scans, "auto") == 17
    again = scans.copy()
    assert turn_inverted(again, "auto") == 0
    np.testing.assert_array_equal(again, scans)
    kept = (scans == first).all(axis=1)
    np.testing.assert_array_equal(scans[~kept], 255 - first[~kept])
    assert turn_inverted(again, "false") == 0
    assert turn_inverted(again, "true") == 50
    np.testing.assert_array_equal(again, 255 - scans)


def test_half_of_a_scan_may_be_dark():
    scans = np.full((2, PIXELS), MIDDLE, np.uint8)
    scans[0, : PIXELS // 2] = MIDDLE - 1
    scans[1, : PIXELS // 2 + 1] = MIDDLE - 1
    assert turn_inverted(scans, "auto") == 1
    assert scans[:, 0].tolist() == [MIDDLE - 1, MIDDLE]


def genuine_scans(paths: list[Path]) -> Iterator[np.ndarray]:
    """Those of the shards, and where they are packed beside them 12,000 training images."""
    for path in paths:
        with open_shard(path) as shard:
            scans = np.zeros((shard.rows, PIXELS), np.uint8)
            decode(shard, scans)
        yield scans
    packed = KAGGLE / "train_images.parquet"
    if packed.exists():
        for batch in pq.ParquetFile(packed).iter_batches(500, columns=["webp"]):
            files = [np.frombuffer(file.as_buffer(), np.uint8) for file in batch["webp"]]
            yield np.stack([cv2.imdecode(file, cv2.IMREAD_GRAYSCALE).ravel() for file in files])


@pytest.mark.kaggle
def test_no_genuine_scan_is_turned_and_each_is_turned_back():
    paths = [KAGGLE / f"test_image_data_{shard}.parquet" for shard in range(4)]
    if not paths[0].exists():
        pytest.skip(f"{paths[0]} is not there")
    for scans in genuine_scans(paths):
        paper = np.median(scans, axis=1)
        assert paper.min() > 200, "the darkest of 12,000 was 238"
        inverted = 255 - scans
        assert turn_inverted(scans, "auto") == 0
        assert turn_inverted(inverted, "auto") == len(scans)
        np.testing.assert_array_equal(inverted, scans)
