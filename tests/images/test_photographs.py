"""Any picture becomes a scan that the network's own crop finds the same writing on."""

import cv2
import numpy as np
import pytest

from graphemes.foundation.errors import DataError
from graphemes.images.photographs import LARGEST, check_size, scan_of
from photographing import CHANGED, likeness, scans_of, seen


@pytest.fixture(scope="module")
def scans(demo) -> np.ndarray:
    """(100, 137, 236) drawn scans."""
    return scans_of(demo / "train_image_data_0.parquet")


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
