"""The box holds what was written, and nothing that a scanner or a sleeve left."""

import cv2
import numpy as np
import pytest

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.images.ink import BORDER, MARGIN, SPECK, Box, Levels, frames_of, ink_box

WHOLE = Box(0, HEIGHT, 0, WIDTH)


def paper(level: int = 255) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), level, np.uint8)


def stroke(
    scan: np.ndarray, top: int, bottom: int, left: int, right: int, *, depth: int = 200
) -> np.ndarray:
    """The scan with a filled box of ink, `depth` below what was there."""
    drawn = scan.copy()
    drawn[top:bottom, left:right] -= np.uint8(depth)
    return drawn


WRITTEN = stroke(paper(), 40, 90, 60, 150)


def test_the_box_is_the_stroke_and_its_margin():
    assert ink_box(WRITTEN, margin=0) == Box(40, 90, 60, 150)
    assert ink_box(WRITTEN) == Box(40 - MARGIN, 90 + MARGIN, 60 - MARGIN, 150 + MARGIN)


def test_the_margin_stays_on_the_scan():
    scan = stroke(paper(), 1, HEIGHT, 20, WIDTH - 1)
    assert ink_box(scan, margin=30) == Box(0, HEIGHT, 0, WIDTH)


def test_parts_that_do_not_touch_belong_together():
    scan = stroke(WRITTEN, 100, 104, 180, 184)  # a dot, as of a letter
    assert ink_box(scan, margin=0) == Box(40, 104, 60, 184)


def test_a_blank_scan_is_taken_whole():
    for level in (255, 128, 0):
        assert ink_box(paper(level)) == WHOLE


@pytest.mark.parametrize(
    "mark",
    [
        (0, BORDER, 0, WIDTH),
        (HEIGHT - BORDER, HEIGHT, 10, 60),
        (10, 60, 0, BORDER),
        (0, HEIGHT, WIDTH - BORDER, WIDTH),
    ],
)
def test_a_mark_wholly_in_the_border_does_not_count(mark):
    assert ink_box(stroke(WRITTEN, *mark), margin=0) == Box(40, 90, 60, 150)
    assert ink_box(stroke(paper(), *mark)) == WHOLE


def test_writing_that_reaches_out_of_the_border_counts():
    scan = stroke(paper(), 0, BORDER + 1, 30, 80)
    assert ink_box(scan, margin=0) == Box(0, BORDER + 1, 30, 80)


def test_specks_do_not_count_however_many():
    scan = WRITTEN.copy()
    scan[8:130:7, 8:40:7] = 0
    scan[120:123, 200:203] = 0
    assert SPECK > 9
    assert ink_box(scan, margin=0) == Box(40, 90, 60, 150)
    scan[120:124, 200:203] = 0  # large enough
    assert ink_box(scan, margin=0) == Box(40, 124, 60, 203)


def test_dark_and_noisy_paper_hides_nothing():
    random = np.random.default_rng(0)
    dark = random.integers(110, 131, (HEIGHT, WIDTH), np.uint8)
    assert ink_box(stroke(dark, 40, 90, 60, 150, depth=100), margin=0) == Box(40, 90, 60, 150)


def test_a_faint_pencil_counts_and_a_shadow_beside_dark_ink_does_not():
    faint = stroke(paper(230), 40, 90, 60, 150, depth=50)
    assert ink_box(faint, margin=0) == Box(40, 90, 60, 150)
    shadowed = stroke(WRITTEN, 95, 125, 10, 230, depth=50)
    assert ink_box(shadowed, margin=0) == Box(40, 90, 60, 150)


def test_a_thin_slanted_stroke_is_one_spot():
    scan = paper()
    cv2.line(scan, (30, 20), (200, 110), 0, 1)
    assert ink_box(scan, margin=0) == Box(20, 111, 30, 201)


def test_levels_agree_with_numpy():
    random = np.random.default_rng(1)
    for _ in range(20):
        scan = np.sort(random.integers(0, 256, (21, 31), np.uint8))
        scan = np.minimum(scan, random.integers(1, 256)).astype(np.uint8)
        levels = Levels.of(scan)
        assert levels.paper == np.median(scan)
        assert levels.darkest <= np.percentile(scan, 0.5) <= levels.paper


def test_the_scan_is_left_as_it_was():
    scan = WRITTEN.copy()
    ink_box(scan)
    assert (scan == WRITTEN).all()


def all_labelled(scan: np.ndarray) -> Box:
    """The box by OpenCV's labels of every spot."""
    mask = (scan < Levels.of(scan).threshold).astype(np.uint8)
    spots = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    left, top, wide, high, area = spots.T
    right, bottom = left + wide, top + high
    inside = (bottom > BORDER) & (right > BORDER)
    inside &= (top < HEIGHT - BORDER) & (left < WIDTH - BORDER)
    kept = inside & (area >= SPECK)
    if not kept.any():
        return WHOLE
    return Box(top[kept].min(), bottom[kept].max(), left[kept].min(), right[kept].max())


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.5])
def test_the_box_is_that_of_all_spots_labelled(share):
    random = np.random.default_rng(1)
    differ = set()
    for blur in (0.3, 0.8, 1.5, 3.0):
        for _ in range(10):
            dark = random.random((HEIGHT, WIDTH)) < share
            scan = cv2.GaussianBlur(np.where(dark, 0, 255).astype(np.uint8), (0, 0), blur)
            assert ink_box(scan, margin=0) == all_labelled(scan)
            differ.add(ink_box(scan))
    assert len(differ) > 1, "the scans are all the same"


def test_a_frame_is_the_box_and_the_paper():
    scans = np.stack([stroke(paper(230), 40, 90, 60, 150), paper(200)])
    np.testing.assert_array_equal(frames_of(scans), [[36, 94, 56, 154, 230], [*WHOLE, 200]])
    assert frames_of(scans[:0]).shape == (0, 5)
