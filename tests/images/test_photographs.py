"""Any picture becomes a scan that the network's own crop finds the same writing on."""

import cv2
import numpy as np
import pytest

from graphemes.competition.shards import decode, open_shard
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.photographs import LARGEST, check_size, scan_of
from graphemes.images.transforms import apply_transform, make_transform


@pytest.fixture(scope="module")
def scans(demo) -> np.ndarray:
    """(100, 137, 236) drawn scans."""
    with open_shard(demo / "train_image_data_0.parquet") as shard:
        pixels = np.empty((shard.rows, PIXELS), np.uint8)
        decode(shard, pixels)
    return pixels.reshape(-1, HEIGHT, WIDTH)


def seen(scan: np.ndarray) -> np.ndarray:
    """What a network sees of a scan, (32, 32)."""
    return apply_transform(make_transform(ImageSize(32, 32), "ink"), scan)[0].numpy()


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def photographed(scan: np.ndarray, seed: int) -> np.ndarray:
    """A sheet of paper in uneven light with the scan's writing somewhere on it, (900, 1200, 3)."""
    random = np.random.default_rng(seed)
    large = cv2.resize(scan, (WIDTH * 3, HEIGHT * 3), interpolation=cv2.INTER_CUBIC)
    paper = np.full((900, 1200), 255, np.float32)
    top, left = random.integers(50, 400), random.integers(50, 450)
    paper[top : top + HEIGHT * 3, left : left + WIDTH * 3] = large
    down, across = np.mgrid[0:1:900j, 0:1:1200j]
    light = 0.55 + 0.35 * (down * random.uniform(-1, 1) + across * random.uniform(-1, 1))
    noisy = paper * np.clip(light, 0.3, 1) + random.normal(0, 3, paper.shape)
    grey = np.clip(noisy, 0, 255)
    return np.stack([grey, grey * 0.95, grey * 0.8], axis=2).astype(np.uint8)  # lamp light


def small_and_grainy(scan: np.ndarray, seed: int) -> np.ndarray:
    """A scan as large as it is somewhere on a sheet, half in the dark: (600, 800)."""
    random = np.random.default_rng(seed)
    paper = np.full((600, 800), 235, np.float32)
    top, left = random.integers(0, 600 - HEIGHT), random.integers(0, 800 - WIDTH)
    paper[top : top + HEIGHT, left : left + WIDTH] *= scan / 255
    down, across = np.mgrid[0:1:600j, 0:1:800j]
    lit = paper * (0.45 + 0.55 * (0.6 * across + 0.4 * down))
    return np.clip(lit + random.normal(0, 6, paper.shape), 0, 255).astype(np.uint8)


CHANGED = {
    "photographed": photographed,
    "small and grainy": small_and_grainy,
    "small, light on dark": lambda scan, seed: 255 - small_and_grainy(scan, seed),
    "light on dark": lambda scan, seed: 255 - photographed(scan, seed),
    "half its size": lambda scan, _: cv2.resize(scan, None, fx=0.5, fy=0.5),
    "cut at its ink": lambda scan, _: cut(scan),
    "faint": lambda scan, _: (200 - (255 - scan.astype(int)) // 3).astype(np.uint8)[:136],
}


def cut(scan: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(scan < 128)
    return scan[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


@pytest.mark.parametrize("kind", CHANGED)
def test_a_picture_shows_the_writing_of_the_scan_it_was_made_of(kind, scans):
    made = [seen(scan_of(CHANGED[kind](scan, seed))) for seed, scan in enumerate(scans[:20])]
    found = [likeness(seen(scan), picture) for scan, picture in zip(scans, made, strict=False)]
    others = [likeness(seen(scan), picture) for scan, picture in zip(scans[1:], made, strict=False)]
    # A crop begins a pixel or two elsewhere, which thin strokes lose much of their likeness by.
    assert np.median(found) > 0.85
    assert min(found) > max(0.5, np.median(others) + 0.2)


def test_a_scan_is_left_as_it_is_or_turned(scans):
    np.testing.assert_array_equal(scan_of(scans[0]), scans[0])
    np.testing.assert_array_equal(scan_of(255 - scans[0]), scans[0])
    np.testing.assert_array_equal(scan_of(scans[0][..., None]), scans[0])


def test_what_is_transparent_is_paper(scans):
    ink = cv2.resize(scans[0], (400, 300))
    drawn = np.dstack([np.zeros_like(ink)] * 3 + [255 - ink])  # black, more or less opaque
    expected = scan_of(np.dstack([ink] * 3))
    assert likeness(seen(scan_of(drawn)), seen(expected)) > 0.99


def test_light_ink_on_nothing_was_drawn_for_a_dark_ground(scans):
    ink = cv2.resize(scans[0], (400, 300))
    drawn = np.dstack([np.full_like(ink, 250)] * 3 + [255 - ink])
    assert likeness(seen(scan_of(drawn)), seen(scan_of(np.dstack([ink] * 3)))) > 0.99


def test_blank_paper_stays_blank():
    assert scan_of(np.full((300, 400), 231, np.uint8)).min() > 200
    grain = np.random.default_rng(0).normal(200, 6, (600, 800)).astype(np.uint8)
    assert scan_of(grain).min() > 150


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((20, 30)), "an array of float64; expected uint8, 0 to 255"),
        (np.zeros((0, 30), np.uint8), r"a picture of 30 x 0 pixels; expected sides of 8 or more"),
        (np.zeros(5, np.uint8), r"an array of shape \(5,\); expected \(H, W\)"),
        (np.zeros((9, 9, 2), np.uint8), r"an array of shape \(9, 9, 2\)"),
    ],
)
def test_what_is_no_picture_is_said(array, why):
    with pytest.raises(DataError, match=why):
        scan_of(array)


def test_a_strip_is_no_picture():
    with pytest.raises(DataError, match=r"a picture of 8 x 9,999 pixels; .* over 50 times"):
        scan_of(np.zeros((9999, 8), np.uint8))


def test_a_picture_of_too_many_pixels_is_refused():
    with pytest.raises(DataError, match="at most 80 million pixels"):
        check_size(10_000, LARGEST // 10_000 + 1)
