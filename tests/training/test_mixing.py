"""Mixed batches are those of timm and torchvision for the same draws; the labels go by area."""

import dataclasses
import importlib

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.errors import Stopped
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import MIXING, stream
from graphemes.foundation.settings.groups import Learning
from graphemes.network.timm_library import timm_library
from graphemes.training import mixing
from graphemes.training.fold import train_fold
from graphemes.training.mixing import KINDS, MixedLabels, make_mixing
from training.test_epoch import batch as flat_batch
from training.test_epoch import learner, nothing, train_epoch
from training.test_fold import Tiny, job_in, pressed, same

timm_library()  # both can be imported then
timm_mixup = importlib.import_module("timm.data.mixup")
v2 = importlib.import_module("torchvision.transforms.v2")
SIZES = [(13, 17), (16, 16), (64, 32)]
CUT = ("cutmix", "fmix", "resizemix")  # whose pixels are of one image or the other


def batch(images: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, PerHead[Tensor]]:
    random = torch.Generator().manual_seed(seed)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (images,), generator=random))
    return torch.rand(images, 1, height, width, generator=random), labels


class Given:
    """A stream that gives what a judge draws."""

    def __init__(self, pairs: list[int], shares: np.ndarray, centres: np.ndarray | None = None):
        self.pairs, self.shares, self.centres = np.array(pairs), shares, centres

    def permutation(self, count: int) -> np.ndarray:
        assert count == len(self.pairs)
        return self.pairs

    def beta(self, one: float, other: float, count: int) -> np.ndarray:
        assert one == other == 0.7
        assert count == len(self.shares)
        return self.shares

    def integers(self, high: object, size: tuple[int, int]) -> np.ndarray:
        assert self.centres.shape == size
        assert (self.centres < high).all()
        return self.centres


def targets(labels: MixedLabels, name: str = "root", classes: int = 168) -> Tensor:
    """(B, C) soft labels of a head."""
    own, partner = (getattr(part, name) for part in (labels.own, labels.partner))
    share = labels.share[:, None]
    return share * functional.one_hot(own, classes) + (1 - share) * functional.one_hot(
        partner, classes
    )


def draws(height: int, width: int, images: int = 8) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(height)
    shares = random.random(images).astype(np.float32).astype(float)
    return shares, random.integers([[height], [width]], size=(2, images))


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_pixels_and_targets_are_timms(kind, height, width, monkeypatch):
    ink, labels = batch(8, height, width)
    shares, centres = draws(height, width)
    judge = timm_mixup.Mixup(0.7, 0.7, mode="elem", label_smoothing=0, num_classes=168)
    cut = np.full(8, kind == "cutmix")
    judge._params_per_elem = lambda _count: (shares.astype(np.float32), cut)
    left = iter(centres.T.ravel())
    monkeypatch.setattr(np.random, "randint", lambda *_args, **_size: next(left))
    wanted, wanted_targets = judge(ink.clone(), labels.root)
    mixed, soft = KINDS[kind](ink, labels, Given([*range(8)][::-1], shares, centres), 0.7)
    torch.testing.assert_close(mixed, wanted, rtol=0, atol=1e-6 if kind == "mixup" else 0)
    torch.testing.assert_close(targets(soft), wanted_targets)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.999, 1.0])
def test_boxes_are_timms(share, monkeypatch):
    for height, width in SIZES:
        _, centres = draws(height, width)
        left = iter(centres)
        monkeypatch.setattr(np.random, "randint", lambda *_args, size, left=left: next(left))
        wanted = timm_mixup.rand_bbox((height, width), share, count=8)
        got = mixing.cut_boxes(np.full(8, share), centres, height, width)
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_pixels_and_targets_are_torchvisions(kind, height, width):
    ink, labels = batch(8, height, width)
    shares, centres = (np.repeat(part[..., :1], 8, -1) for part in draws(height, width))
    judge = {"mixup": v2.MixUp, "cutmix": v2.CutMix}[kind](alpha=0.7, num_classes=168)
    top, bottom, left, right = mixing.cut_boxes(shares, centres, height, width)[:, 0].tolist()
    area = (bottom - top) * (right - left) / (height * width)
    given = {"lam": shares[0], "lam_adjusted": 1 - area, "box": (left, top, right, bottom)}
    judge.make_params = lambda _inputs: given
    wanted, wanted_targets = judge(ink, labels.root)
    mixed, soft = KINDS[kind](ink, labels, Given([7, *range(7)], shares, centres), 0.7)
    torch.testing.assert_close(mixed, wanted, rtol=0, atol=1e-6 if kind == "mixup" else 0)
    torch.testing.assert_close(targets(soft), wanted_targets)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.01, 0.4, 1.0, 8.0])
def test_the_share_is_what_is_left_of_each_image(kind, alpha):
    """Each image is of one grey: what it and its partner have in the result can be counted."""
    for seed, (height, width) in enumerate(SIZES * 3):
        count = 6 + seed % 2
        greys = torch.arange(1.0, count + 1) / 8
        ink = greys[:, None, None, None].repeat(1, 1, height, width)
        labels = HEADS.map(lambda head: torch.arange(count) % head.classes)  # noqa: B023
        mixed, soft = KINDS[kind](ink, labels, np.random.default_rng(seed), alpha)
        pairs = soft.partner.root
        assert sorted(pairs.tolist()) == [*range(count)]
        for own, partner in zip(soft.own, soft.partner, strict=True):
            assert torch.equal(partner, own[pairs])
        assert soft.share.dtype == torch.float32
        assert ((soft.share >= 0) & (soft.share <= 1)).all()
        expected = soft.share * greys + (1 - soft.share) * greys[pairs]
        torch.testing.assert_close(mixed.mean((1, 2, 3)), expected)
        torch.testing.assert_close(targets(soft).sum(1), torch.ones(count))
        if kind in CUT:
            near = (mixed - ink).abs().minimum((mixed - ink[pairs]).abs())
            assert near.max() < 1e-5  # means of one grey, rounded


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_left_as_it_was_and_laid_out_as_it_was(kind):
    ink, labels = batch(6, 16, 12)
    plain, last = ink.clone(), ink.to(memory_format=torch.channels_last)
    found = [KINDS[kind](each, labels, stream(3), 1.0) for each in (ink, last)]
    assert torch.equal(ink, plain)
    for each, (mixed, _) in zip((ink, last), found, strict=True):
        assert mixed.stride() == each.stride()
        assert mixed.dtype == torch.float32
    assert torch.equal(found[0][0], found[1][0])
    again, soft = KINDS[kind](ink, labels, stream(3), 1.0)
    assert torch.equal(again, found[0][0])
    assert torch.equal(soft.share, found[0][1].share)
    assert not torch.equal(KINDS[kind](ink, labels, stream(4), 1.0)[0], again)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_fourier_masks_are_the_authors(height, width):
    """By their steps: a spectrum that falls, its inverse transform, the highest pixels."""
    shares = np.array([0.0, 0.31, 0.5, 0.87, 1.0])
    found = mixing.fourier_masks(shares, stream(1), height, width, torch.device("cpu")).numpy()
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[: width // 2 + 1]
    frequencies = np.sqrt(rows**2 + columns**2)
    scale = 1 / np.maximum(frequencies, 1 / max(height, width)) ** 3
    noise = stream(1).standard_normal((5, *scale.shape, 2), np.float32)
    for share, mask, one in zip(shares, found, noise, strict=True):
        assert mask.sum() == round(share * height * width)
        image = np.fft.irfftn(scale * (one[..., 0] + 1j * one[..., 1]), (height, width), (0, 1))
        wanted = np.zeros(height * width, bool)
        wanted[image.ravel().argsort()[::-1][: mask.sum()]] = True
        assert np.mean(mask.ravel() != wanted) < 0.01  # float32 beside float64
        if 0 < share < 1:  # patches, no dust: few neighbours differ
            assert np.mean(mask[1:] != mask[:-1]) < 0.25


@pytest.mark.parametrize("side", [13, 32])
def test_a_side_is_shrunk_as_opencv_does_by_area(side):
    ink, _ = batch(side, side, side)
    lengths = np.arange(1, side + 1)
    first = stream(2).integers(side - lengths + 1)
    edges = np.stack([first, first + lengths])
    small = mixing.shrinking(edges, side, ink) @ ink[:, 0]
    for one, picture, length, start in zip(small, ink[:, 0], lengths, first, strict=True):
        wanted = cv2.resize(picture.numpy(), (side, int(length)), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(one[start : start + length], wanted, atol=1e-5)


def test_resizemix_shows_the_whole_partner_small():
    ink, labels = batch(64, 40, 40)
    mixed, soft = mixing.resizemix(ink, labels, stream(5), 1.0)
    sides = (1 - soft.share).mul(1600).sqrt().round()
    assert 4 <= sides.min() < 10
    assert 28 < sides.max() <= 32
    sums = (mixed - ink).abs()[:, 0] > 0
    tall, wide = (sums.any(axis).sum(1) for axis in (2, 1))
    assert torch.equal(tall, wide)
    torch.testing.assert_close(tall.float(), sides)


def mixed_or_not(count: int = 400, done: float = 0.0, **values: object) -> list[tuple]:
    mix = make_mixing(Learning(**values))
    ink, labels = batch(4, 16, 16)
    return [mix(ink, labels, MIXING.stream(0, 0, 0, 0, step), done) for step in range(count)]


def test_as_many_batches_are_mixed_as_asked():
    assert make_mixing(Learning()) is None
    for share in (0.3, 1):
        found = mixed_or_not(mix="mixup", mix_share=share)
        got = np.mean([isinstance(labels, MixedLabels) for _, labels in found])
        assert got == pytest.approx(share, abs=0.07 if share < 1 else 0)


def test_any_is_one_or_the_other_by_halves():
    """Where each image is of one grey, only mixup makes others."""
    mix, (_, labels) = make_mixing(Learning(mix="any", mix_share=1)), batch(8, 16, 16)
    greys = torch.arange(8.0)[:, None, None, None].repeat(1, 1, 16, 16)
    found = [mix(greys, labels, MIXING.stream(0, 0, 0, 0, step), 0.0)[0] for step in range(400)]
    cut = [bool((mixed == mixed.round()).all()) for mixed in found]
    assert np.mean(cut) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("until", [0.1, 0.3, 0.7, 1.0])
def test_nothing_is_mixed_from_there_on(until):
    for step in range(10):
        found = mixed_or_not(1, done=step / 10, mix="cutmix", mix_share=1, mix_until=until)
        assert isinstance(found[0][1], MixedLabels) == (step < round(until * 10))


class Recorder:
    """In a mixing's place: what it is asked."""

    def __init__(self) -> None:
        self.drawn: list[int] = []
        self.done: list[float] = []

    def __call__(self, ink, labels, random, done):
        self.drawn.append(int(random.integers(2**60)))
        self.done.append(done)
        return ink, labels


def test_every_piece_of_a_step_has_a_stream_of_its_own():
    ours, seen = learner(accumulate=2), Recorder()
    ours.mix = seen
    for epoch in (0, 1):
        train_epoch(ours, [flat_batch(4)] * 4, (7, 1, epoch), nothing)
    assert len(set(seen.drawn)) == 8
    assert seen.drawn[5] == MIXING.stream(7, 1, 1, 0, 1).integers(2**60)
    assert seen.done == [0, 0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3]


def test_the_loss_of_an_epoch_is_that_of_the_mixed_batch():
    still = learner(lr=1e-12, mix="mixup", mix_share=1)
    ink, labels = flat_batch(8)
    mixed, soft = mixing.mixup(ink, labels, skipped(MIXING.stream(*(0, 0, 2, 0, 0))), 1.0)
    wanted = still.loss(still.network(mixed), soft, 0.0).item()
    assert train_epoch(still, [(ink, labels)], (0, 0, 2), nothing).loss == pytest.approx(wanted)


def skipped(random: np.random.Generator) -> np.random.Generator:
    random.random()  # whether the batch is mixed
    return random


MIXED = {"mix": "any", "mix_share": 0.8, "mix_until": 0.9, "hard_examples": 0.5, "smoothing": 0.1}


def test_a_mixed_training_is_resumed_to_the_bit(tmp_path):
    jobs = [job_in(tmp_path / name) for name in ("whole", "resumed", "plain")]
    settings = jobs[0].settings.model_copy(update=MIXED)
    whole, resumed = (dataclasses.replace(job, settings=settings) for job in jobs[:2])
    train_fold(whole, Tiny())
    for _ in range(2):
        with pytest.raises(Stopped):
            train_fold(pressed(resumed), Tiny())
        torch.rand(3)
    train_fold(resumed, Tiny(seed=9))
    assert same(whole.paths, resumed.paths)
    train_fold(jobs[2], Tiny())
    assert not same(whole.paths, jobs[2].paths)
