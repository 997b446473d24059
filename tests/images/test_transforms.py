"""Pictures: shape and range, the writing's own proportions, randomness by seeds."""

import cv2
import numpy as np
import pytest
import torch

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.seeds import seed_at
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.augmentation import Augmentation
from graphemes.images.ink import Box, Frame
from graphemes.images.placement import crop_box, padding, place
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.pipeline.export_checks import made_images

MOVES = Augmentation(shift=0.06, scale=0.15, rotate=10, shear=10)
STILL = Augmentation(shift=0, scale=0, rotate=0, shear=0)
SIZES = [ImageSize(64, 64), ImageSize(137, 236), ImageSize(32, 96), ImageSize(200, 50)]


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    """A scan with the outline of a square, 60 a side, far from the middle."""
    scan = np.full((HEIGHT, WIDTH), 255, np.uint8)
    cv2.rectangle(scan, (20, 30), (79, 89), 0, 5)
    return scan


def extent(ink: torch.Tensor) -> tuple[int, int]:
    """Height and width of what is dark in a picture (1, H, W)."""
    rows, columns = torch.nonzero(ink[0] > 0.5, as_tuple=True)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop", ["ink", "none"])
@pytest.mark.parametrize("by", [None, MOVES])
def test_shape_type_and_range(square, size, crop, by):
    ink = apply_transform(make_transform(size, crop, by), square, 0 if by else None)
    assert ink.shape == (1, size.height, size.width)
    assert ink.dtype == torch.float32
    assert ink.is_contiguous()
    assert 0 <= float(ink.min()) < 0.1
    assert 0.8 < float(ink.max()) <= 1


def test_ink_is_one_and_paper_is_zero():
    scan = np.full((HEIGHT, WIDTH), 255, np.uint8)
    scan[40:100, 60:180] = 0
    ink = apply_transform(make_transform(ImageSize(HEIGHT, WIDTH), "none"), scan)[0]
    assert set(ink.unique().tolist()) == {0.0, 1.0}
    assert ink.sum() == 60 * 120
    grey = np.where(scan == 0, 51, scan).astype(np.uint8)
    ink = apply_transform(make_transform(ImageSize(HEIGHT, WIDTH), "none"), grey)[0]
    assert float(ink.max()) == pytest.approx(0.8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop", ["ink", "none"])
def test_a_drawn_square_stays_square(square, size, crop):
    high, wide = extent(apply_transform(make_transform(size, crop), square))
    assert abs(high - wide) <= 1
    assert high > 10


def test_a_cropped_square_fills_the_shorter_side_and_stands_in_the_middle(square):
    ink = apply_transform(make_transform(ImageSize(64, 128), "ink"), square)[0]
    assert extent(ink[None])[0] > 0.8 * 64
    torch.testing.assert_close(ink.sum(0), ink.sum(0).flip(0), atol=0.6, rtol=0)
    torch.testing.assert_close(ink.sum(1), ink.sum(1).flip(0), atol=0.6, rtol=0)


def test_without_crop_the_whole_scan_is_there(square):
    ink = apply_transform(make_transform(ImageSize(HEIGHT, WIDTH), "none"), square)[0]
    np.testing.assert_array_equal(ink.numpy(), (255 - square.astype(np.float32)) / 255)


def test_where_it_was_written_does_not_matter_to_a_crop(square):
    compose = make_transform(ImageSize(64, 64), "ink")
    moved = np.roll(square, (15, 90), axis=(0, 1))
    assert torch.equal(apply_transform(compose, square), apply_transform(compose, moved))


def test_grey_paper_becomes_white_like_the_paper_around_it(square):
    grey = np.where(square == 255, 180, square).astype(np.uint8)
    for crop in ("ink", "none"):
        ink = apply_transform(make_transform(ImageSize(200, 50), crop), grey)
        assert float(ink.median()) == 0
        assert float(ink[0, 0].max()) == 0


def test_any_scan_makes_a_picture():
    random = np.random.default_rng(0)
    line = np.full((HEIGHT, WIDTH), 255, np.uint8)
    line[:, 100:102] = 0
    scans = [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.full((HEIGHT, WIDTH), 255, np.uint8),
        random.integers(0, 256, (HEIGHT, WIDTH), np.uint8),
        line,
        line.T[:HEIGHT].copy(),
    ]
    for scan in scans:
        for by in (None, MOVES):
            ink = apply_transform(make_transform(ImageSize(64, 64), "ink", by), scan, seed_at(1, 2))
            assert ink.shape == (1, 64, 64)
            assert torch.isfinite(ink).all()


def test_a_read_only_scan_is_taken_and_left_alone(square):
    scan = square.copy()
    scan.flags.writeable = False
    apply_transform(make_transform(ImageSize(64, 64), "ink", MOVES), scan, 0)
    assert (scan == square).all()


def test_the_same_seed_gives_the_same_picture_whoever_drew_before(square):
    compose = make_transform(ImageSize(48, 48), "ink", MOVES)
    alone = apply_transform(compose, square, seed_at(1, 2, 3, 4))
    for other in range(5):
        apply_transform(compose, square, seed_at(9, other))
    np.random.default_rng(0).random()
    assert torch.equal(apply_transform(compose, square, seed_at(1, 2, 3, 4)), alone)
    assert torch.equal(
        apply_transform(
            make_transform(ImageSize(48, 48), "ink", MOVES), square, seed_at(1, 2, 3, 4)
        ),
        alone,
    )


def test_every_part_of_a_key_counts(square):
    compose = make_transform(ImageSize(48, 48), "ink", MOVES)
    keys = [(1, 2, 3, 4), (0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0), (1, 2, 3)]
    drawn = [apply_transform(compose, square, seed_at(*key)) for key in keys]
    for number, first in enumerate(drawn):
        assert not any(torch.equal(first, other) for other in drawn[number + 1 :])


@pytest.mark.parametrize("part", ["shift", "scale", "rotate", "shear"])
def test_each_move_moves(square, part):
    only = Augmentation(**{**vars(STILL), part: getattr(MOVES, part)})
    size = ImageSize(64, 64)
    plain = apply_transform(make_transform(size, "ink", STILL), square, 0)
    assert not torch.allclose(
        apply_transform(make_transform(size, "ink", only), square, 0), plain, atol=0.2
    )


def test_moves_of_nothing_change_nothing(square):
    size = ImageSize(64, 64)
    plain = apply_transform(make_transform(size, "ink"), square)
    torch.testing.assert_close(
        apply_transform(make_transform(size, "ink", STILL), square, 0), plain, atol=0.05, rtol=0
    )


def test_moves_keep_the_writing_in_the_picture(square):
    compose = make_transform(ImageSize(64, 64), "ink", MOVES)
    plain = float(apply_transform(make_transform(ImageSize(64, 64), "ink"), square).sum())
    sums = [float(apply_transform(compose, square, seed_at(0, index)).sum()) for index in range(40)]
    assert np.std(sums) > 0.01 * plain
    assert all(0.6 * plain < total < 1.5 * plain for total in sums)


def test_validation_pictures_are_without_randomness(square):
    compose = make_transform(ImageSize(64, 64), "ink")
    first = apply_transform(compose, square)
    assert torch.equal(apply_transform(compose, square), first)
    assert torch.equal(apply_transform(compose, square, 567), first)


def moved_at_the_scans_size(scan: np.ndarray, size: ImageSize, seed: int) -> np.ndarray:
    """The picture of a crop that is padded, moved by the library and then averaged: three steps."""
    import albumentations as A  # after ours, which keeps it from asking for newer versions

    frame = Frame.of(scan)
    lifted = np.minimum(scan, frame.paper) + np.uint8(255 - frame.paper)
    box = crop_box(frame, "ink")
    crop = lifted[box.top : box.bottom, box.left : box.right]
    crop = cv2.copyMakeBorder(crop, *padding(box, size), cv2.BORDER_CONSTANT, value=255)
    moves = A.Affine(
        translate_percent=(-MOVES.shift, MOVES.shift),
        scale=(1 - MOVES.scale, 1 + MOVES.scale),
        rotate=(-MOVES.rotate, MOVES.rotate),
        shear=(-MOVES.shear, MOVES.shear),
        border_mode=cv2.BORDER_CONSTANT,
        fill=255,
        p=1.0,
    )
    compose = A.Compose([moves, A.Resize(*size, interpolation=cv2.INTER_AREA)], seed=seed)
    return (255 - compose(image=crop)["image"].astype(np.float32)) / 255


@pytest.mark.parametrize("size", [ImageSize(32, 32), ImageSize(64, 64), ImageSize(128, 96)])
def test_one_warp_is_the_three_steps_it_stands_for(size):
    compose = make_transform(size, "ink", MOVES)
    scans = made_images(20).scans
    got = np.stack([apply_transform(compose, scan, 7)[0].numpy() for scan in scans])
    wanted = np.stack([moved_at_the_scans_size(scan, size, 7) for scan in scans])
    plain = np.stack([apply_transform(make_transform(size, "ink"), s)[0].numpy() for s in scans])
    apart = np.abs(got - wanted)
    assert apart.mean() < 0.006
    assert apart.max() < 0.5
    assert abs((got - wanted).mean()) < 0.001  # strokes get neither bolder nor fainter
    assert np.abs(plain - wanted).mean() > 5 * apart.mean()  # of pictures that did move


def test_fine_lines_do_not_beat_against_the_pixels():
    """Averaged, lines finer than the picture's pixels are an even grey; sampled, they are bands."""
    scan = np.full((HEIGHT, WIDTH), 255, np.uint8)
    scan[20:120, 40:140:2] = 0
    still = make_transform(ImageSize(32, 32), "none", STILL)
    middle = apply_transform(still, scan, 0)[0, 12:19, 8:16]
    assert float(middle.std()) < 0.06
    assert float(middle.mean()) == pytest.approx(0.5, abs=0.05)


def test_a_picture_sheared_flat_is_drawn_within_bounds(square):
    """Shears of both sides of 45 degrees leave no area; the drawing stays a few times as large."""
    size, box = ImageSize(64, 64), Box(30, 90, 20, 80)
    for flat in (1.0, 0.999, 1e-4):
        move = np.array([[1, 1, 0], [flat, 1, 0], [0, 0, 1]], np.float64)
        assert place(box, size, move).times <= 8
    wild = Augmentation(shift=0, scale=0.9, rotate=180, shear=60)
    compose = make_transform(size, "ink", wild)
    for seed in range(50):
        assert apply_transform(compose, square, seed).isfinite().all()
