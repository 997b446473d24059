"""Pictures in tensors alone: the boxes of OpenCV to the pixel, its pictures to a grey level."""

import numpy as np
import pytest
import torch

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.ink import BORDER, SPECK, Levels, ink_box
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.inference.ink_spots import ink_boxes
from graphemes.inference.scan_graph import ScanToPicture
from graphemes.pipeline.export_checks import made_images


def scan(*spots: tuple[slice, slice], paper: int = 250, ink: int = 20) -> np.ndarray:
    """A scan with dark spots at these rows and columns."""
    pixels = np.full((HEIGHT, WIDTH), paper, np.uint8)
    for rows, columns in spots:
        pixels[rows, columns] = ink
    return pixels


def spiral() -> np.ndarray:
    """One line, as long as a scan has room for: names have far to go."""
    pixels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for turn in range(0, 66, 4):
        bottom, right = HEIGHT - 1 - turn, WIDTH - 1 - turn
        pixels[turn, max(0, turn - 4) : right + 1] = 0
        pixels[turn : bottom + 1, right] = 0
        pixels[bottom, turn : right + 1] = 0
        pixels[turn + 4 : bottom + 1, turn] = 0
    return pixels


def combs() -> np.ndarray:
    """Two combs with their teeth between each other: two spots, the lesser one in one box."""
    pixels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    pixels[20, 40:200], pixels[110, 40:200] = 0, 0
    pixels[20:100, 40:200:8], pixels[30:110, 44:200:8] = 0, 0
    return pixels


def by(rows: slice, columns: slice) -> tuple[slice, slice]:
    return rows, columns


MIDDLE = by(slice(50, 90), slice(100, 140))
HARD = {
    "paper alone": scan(),
    "black alone": np.zeros((HEIGHT, WIDTH), np.uint8),
    "a speck beside": scan(MIDDLE, by(slice(20, 21), slice(20, 20 + SPECK - 1))),
    "a spot just large enough": scan(MIDDLE, by(slice(20, 21), slice(20, 20 + SPECK))),
    "specks alone": scan(by(slice(60, 63), slice(60, 63)), by(slice(80, 82), slice(90, 92))),
    "a line in the border": scan(MIDDLE, by(slice(0, BORDER), slice(None))),
    "a line that leaves the border": scan(MIDDLE, by(slice(0, BORDER + 1), slice(None))),
    "a frame in two borders": scan(
        MIDDLE, by(slice(132, 137), slice(None)), by(slice(None), slice(231, 236))
    ),
    "touching at a corner": scan(
        by(slice(40, 50), slice(40, 50)), by(slice(50, 52), slice(50, 52))
    ),
    "apart by a pixel": scan(by(slice(40, 50), slice(40, 50)), by(slice(51, 53), slice(51, 53))),
    "the last row and column": scan(by(slice(100, 137), slice(200, 236))),
    "faint ink": scan(MIDDLE, paper=200, ink=160),
    "too faint": scan(MIDDLE, paper=200, ink=161),
    "a spiral": spiral(),
    "two combs": combs(),
    "noise": np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8),
}
SCANS = np.stack([*HARD.values(), *made_images(24).scans])


def test_boxes_are_those_of_opencv():
    masks = np.stack([one < Levels.of(one).threshold for one in SCANS])
    got = torch.stack([*ink_boxes(torch.from_numpy(masks))], 1).int().tolist()
    wanted = [list(ink_box(one)) for one in SCANS]
    names = [*HARD, *["made"] * 24]
    wrong = {name: (a, b) for name, a, b in zip(names, got, wanted, strict=True) if a != b}
    assert not wrong
    assert len(set(map(tuple, wanted))) > 20, "the scans are all the same"


@pytest.mark.parametrize("crop", ["ink", "none"])
@pytest.mark.parametrize("size", ["32x32", "64x48", "137x236", "200x200"])
def test_pictures_are_those_of_the_transforms_to_a_grey_level(size, crop):
    shape = ImageSize(*map(int, size.split("x")))
    compose = make_transform(shape, crop)
    wanted = torch.stack([apply_transform(compose, one) for one in SCANS])
    with torch.inference_mode():
        got = ScanToPicture(shape, crop)(torch.from_numpy(SCANS))
    assert got.shape == wanted.shape
    assert got.dtype == torch.float32
    apart = (got - wanted).abs()
    assert apart.max() < 1.01 / 255
    assert (apart > 1e-4).float().mean() < (0.01 if max(shape) < 100 else 0.1)


def test_a_scan_is_read_the_same_in_any_company():
    shape = ImageSize(32, 32)
    reader = ScanToPicture(shape, "ink")
    with torch.inference_mode():
        together = reader(torch.from_numpy(SCANS))
        alone = torch.cat([reader(torch.from_numpy(one[None])) for one in SCANS])
    assert torch.equal(together, alone)
