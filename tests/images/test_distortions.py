"""Distortions: each alone, as often and as far as was said, on paper that stays white."""

import cv2
import numpy as np
import pytest
import torch

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.seeds import seed_at
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.augmentation import Augmentation, make_distortions
from graphemes.images.ink import Frame
from graphemes.images.transforms import apply_transform, make_transform

SIZE = ImageSize(64, 64)
MOVES = {"shift": 0.06, "scale": 0.15, "rotate": 10.0, "shear": 10.0}
STILL = dict.fromkeys(MOVES, 0.0)
KINDS = ["elastic", "grid", "thickness", "blur", "contrast", "erase"]
SWITCHES = [
    *({kind: 1.0} for kind in KINDS),
    {"erase": 1.0, "erase_kind": "grid"},
    dict.fromkeys(KINDS, 1.0),
]
KEYS = 400


def letter() -> np.ndarray:
    """A scan of strokes 5 pixels wide that cross and stand apart."""
    scan = np.full((HEIGHT, WIDTH), 255, np.uint8)
    cv2.line(scan, (60, 30), (170, 34), 40, 5)
    cv2.line(scan, (110, 30), (106, 110), 40, 5)
    cv2.ellipse(scan, (140, 80), (26, 22), 20, 0, 300, 40, 5)
    return scan


LETTER = letter()
FRAME = Frame.of(LETTER)
SOLID = np.zeros((HEIGHT, WIDTH), np.uint8)
WHOLE = Frame(0, 128, 0, 128, 255)  # a square of it, which fills a picture


def drawn(by: Augmentation, seed: int, size: ImageSize = SIZE, scan: np.ndarray = LETTER):
    """(H, W) float32."""
    frame = FRAME if scan is LETTER else WHOLE
    return apply_transform(make_transform(size, "ink", by), scan, seed, frame=frame)[0].numpy()


def many(by: Augmentation, scan: np.ndarray = LETTER, count: int = KEYS) -> np.ndarray:
    """(count, H, W) float32, of seeds 0, 1, ..."""
    compose = make_transform(SIZE, "ink", by)
    frame = FRAME if scan is LETTER else WHOLE
    made = [apply_transform(compose, scan, seed, frame=frame) for seed in range(count)]
    return torch.cat(made).numpy()


def changed(by: Augmentation) -> np.ndarray:
    """(KEYS,) bool: which pictures aren't what they are without distortions."""
    return (many(by) != drawn(Augmentation(**STILL), 0)).any((1, 2))


@pytest.mark.parametrize("switched", SWITCHES)
@pytest.mark.parametrize("size", [SIZE, ImageSize(16, 16), ImageSize(40, 96)])
def test_pictures_stay_pictures_on_white_paper(switched, size):
    blank = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for seed in range(12):
        for strength in (0.01, 1.0, 3.0):
            by = Augmentation(**MOVES, **switched, strength=strength)
            ink = drawn(by, seed, size)
            assert ink.shape == size
            assert ink.dtype == np.float32
            assert 0 <= ink.min() <= ink.max() <= 1
            assert (ink == 0).mean() > 0.05
            assert drawn(by, seed, size, blank).max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_the_pictures_is_distorted_and_a_larger_one_has_them_among_its_own(kind):
    few, more = (changed(Augmentation(**STILL, **{kind: share})) for share in (0.25, 0.6))
    seen = changed(Augmentation(**STILL, **{kind: 1.0})).mean()  # some are changed by nothing
    for share, found in ((0.25, few), (0.6, more)):
        assert abs(found.mean() - share * seen) < 4 * (share * (1 - share) / KEYS) ** 0.5
    assert (few <= more).all()
    assert seen > 0.8


def test_distortions_choose_their_pictures_apart():
    chosen = np.array([changed(Augmentation(**STILL, **{kind: 0.5})) for kind in KINDS])
    together = np.corrcoef(chosen) - np.eye(len(KINDS))
    assert np.abs(together).max() < 4 / KEYS**0.5


@pytest.mark.parametrize("kind", KINDS)
def test_what_else_is_switched_on_changes_neither_moves_nor_a_distortion(kind):
    """Or two runs of which one erases would differ in how all their pictures are moved."""
    seen = Augmentation(**MOVES, **{kind: 0.5})
    others = Augmentation(**MOVES, **dict.fromkeys(KINDS, 0.5))
    alone, beside = (
        {type(one): one for one in make_transform(SIZE, "ink", by).transforms}
        for by in (seen, others)
    )
    shape = {"shape": (*SIZE, 1), "frame": FRAME}
    for one in [*alone][:2]:  # the moves and the distortion
        for seed in range(20):
            parameters = []
            for transform in (alone[one], beside[one]):
                transform.set_random_seed(seed)
                applied = transform.should_apply()
                found = transform.get_params() if applied else {}
                found |= transform.get_params_dependent_on_data(shape, shape) if applied else {}
                parameters.append(repr(found))
            assert parameters[0] == parameters[1]


@pytest.mark.parametrize("switched", SWITCHES)
def test_the_same_seed_gives_the_same_picture_whoever_drew_before(switched):
    by = Augmentation(**MOVES, **switched)
    compose = make_transform(SIZE, "ink", by)
    alone = apply_transform(compose, LETTER, seed_at(1, 2))
    for other in range(5):
        apply_transform(compose, LETTER, other)
    assert torch.equal(apply_transform(compose, LETTER, seed_at(1, 2)), alone)
    assert torch.equal(
        apply_transform(make_transform(SIZE, "ink", by), LETTER, seed_at(1, 2)), alone
    )
    assert not torch.equal(apply_transform(compose, LETTER, seed_at(1, 3)), alone)


def test_nothing_is_drawn_where_nothing_is_switched_on():
    assert make_distortions(SIZE, Augmentation(**MOVES)) == []
    assert len(make_transform(SIZE, "ink", Augmentation(**MOVES)).transforms) == 3
    assert len(make_transform(SIZE, "ink").transforms) == 3


def test_strength_is_of_moves_and_distortions_alike():
    everything = dict.fromkeys(KINDS, 1.0)
    still = drawn(Augmentation(**STILL), 0)
    assert (drawn(Augmentation(**MOVES, **everything, strength=0), 0) == still).all()
    half = Augmentation(**{key: value / 2 for key, value in MOVES.items()})
    assert (drawn(Augmentation(**MOVES, strength=0.5), 3) == drawn(half, 3)).all()
    for kind in KINDS:
        apart = [
            np.abs(many(Augmentation(**STILL, **{kind: 1.0}, strength=strength), count=60) - still)
            for strength in (0.3, 1.0, 2.5)
        ]
        assert apart[0].mean() < apart[1].mean() < apart[2].mean(), kind


def test_moves_stay_within_the_settings_bounds():
    by = Augmentation(shift=0.4, scale=0.5, rotate=100, shear=50, strength=3)
    assert [by.farthest(move) for move in MOVES] == [0.5, 0.9, 180, 60]
    assert Augmentation(**MOVES).farthest("rotate") == 10


def test_settings_make_an_augmentation():
    by = Augmentation.of(Learning(erase=0.5, erase_kind="grid", strength=2, shift=0.1))
    assert by == Augmentation(0.1, 0.15, 10, 10, erase=0.5, erase_kind="grid", strength=2)
    assert Augmentation.of(Learning()) == Augmentation(**MOVES)


@pytest.mark.parametrize(("strength", "most"), [(1.0, 0.25), (3.0, 0.6)])
def test_a_box_has_the_area_that_was_said_and_stands_anywhere(strength, most):
    holes = many(Augmentation(**STILL, erase=1.0, strength=strength), SOLID) == 0
    areas = holes.mean((1, 2))
    assert 0.01 * strength < areas.min() < 0.05 * strength  # up to a pixel of a side is cut off
    assert areas.max() <= most
    assert areas.max() > 0.9 * most
    for hole in holes:
        rows, columns = hole.any(1), hole.any(0)
        assert hole.sum() == rows.sum() * columns.sum()
    sides = holes.any(2).sum(1) / holes.any(1).sum(1)
    assert sides.min() < 0.5
    assert sides.max() > 2
    covered = holes.mean(0)
    assert all(edge.max() > 0 for edge in (covered[0], covered[-1], covered[:, 0], covered[:, -1]))
    assert covered[32, 32] > covered[0, 0]


def test_a_grid_of_holes_erases_a_fifth_in_many_places():
    holes = many(Augmentation(**STILL, erase=1.0, erase_kind="grid"), SOLID, 60) == 0
    assert holes.mean((1, 2)).min() > 0.1
    assert holes.mean((1, 2)).max() < 0.25
    for hole in holes:
        assert cv2.connectedComponents(hole.astype(np.uint8))[0] > 4
    strong = Augmentation(**STILL, erase=1.0, erase_kind="grid", strength=3)
    assert (many(strong, SOLID, 60) == 0).mean() > 2 * holes.mean()


def test_thickness_makes_strokes_bolder_and_finer():
    plain = drawn(Augmentation(**STILL), 0).sum()
    sums = many(Augmentation(**STILL, thickness=1.0), count=100).sum((1, 2)) / plain
    assert 0.4 < sums.min() < 0.8
    assert 1.3 < sums.max() < 2
    assert 0.3 < (sums > 1).mean() < 0.7


def test_contrast_scales_ink():
    plain = drawn(Augmentation(**STILL), 0)
    made = many(Augmentation(**STILL, contrast=1.0), count=100)
    at = np.unravel_index(plain.argmax(), plain.shape)
    found = made[:, at[0], at[1]] / plain[at]
    assert 0.58 < found.min() < 0.7
    faint = made[found.argmin()]
    np.testing.assert_allclose(faint, plain * found.min(), atol=1.1 / 255)


def test_blur_keeps_the_ink_and_lowers_its_peaks():
    plain = drawn(Augmentation(**STILL), 0)
    made = many(Augmentation(**STILL, blur=1.0), count=50)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert np.abs(made[inner].sum((1, 2)) / plain[inner[1:]].sum() - 1).max() < 0.05
    peaks = (made**2).sum((1, 2)) / (plain**2).sum()
    assert 0.8 < peaks.min() < 0.95
    assert peaks.max() < 1.001


@pytest.mark.parametrize("kind", ["elastic", "grid"])
def test_bends_are_gentle_and_the_same_at_any_size(kind):
    shown = []
    for side in (64, 128):
        (one,) = make_distortions(ImageSize(side, side), Augmentation(**STILL, **{kind: 1.0}))
        points = np.arange(side)
        far, steps = [], []
        for seed in range(100):
            one.set_random_seed(seed)
            assert one.should_apply()
            maps = one.get_params_dependent_on_data({"shape": (side, side, 1)}, {})
            aside = np.stack([maps["map_x"] - points, maps["map_y"] - points[:, None]]) / side
            far.append(np.abs(aside).max())
            steps += [np.diff(maps["map_x"], axis=1).min(), np.diff(maps["map_y"], axis=0).min()]
        assert 0.02 < np.median(far) < 0.07
        assert max(far) < 0.12
        assert min(steps) > 0  # nothing is folded or torn
        shown.append(far)
    np.testing.assert_allclose(shown[0], shown[1], atol=0.005)


def test_a_grid_keeps_the_edges_of_a_picture():
    """And isn't the library's, which shows columns twice even where nothing is stretched."""
    for seed in range(20):
        assert drawn(Augmentation(**STILL, grid=1.0), seed, scan=SOLID).min() > 0.6
    (one,) = make_distortions(SIZE, Augmentation(**STILL, grid=1.0, strength=1e-6))
    one.set_random_seed(0)
    maps = one.get_params_dependent_on_data({"shape": (64, 64, 1)}, {})
    np.testing.assert_allclose(maps["map_x"][5], np.arange(64), atol=1e-3)
