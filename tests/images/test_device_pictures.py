"""Pictures that a device draws in batches are those of the transforms."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from graphemes.foundation.heads import HEIGHT, WIDTH, PerHead
from graphemes.foundation.seeds import AUGMENTATION
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.augmentation import Augmentation
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.device_pictures import DevicePictures, draw, placed_scan
from graphemes.images.ink import Frame, frames_of
from graphemes.images.sampling import Batches
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.pipeline.export_checks import made_images

MOVES = Augmentation(shift=0.06, scale=0.15, rotate=10, shear=10)
STILL = Augmentation(shift=0, scale=0, rotate=0, shear=0)
SCANS = made_images(24).scans
FRAMES = frames_of(SCANS)
LABELS = PerHead(*(np.arange(24) + first for first in (0, 100, 200)))
CPU = torch.device("cpu")


def drawn(
    size: ImageSize, crop: str, device: torch.device, by: Augmentation = MOVES
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 1, H, W) the pictures of a device and those of the transforms."""
    compose = make_transform(size, crop, by)
    batches = Batches(np.arange(24), 24, (3, 0))
    (keys,) = batches
    placed = StoreDataset(SCANS, FRAMES, compose, LABELS, (3, 0), draw=placed_scan)
    (batch,) = DevicePictures(loader(placed, batches, 0, CPU), size, device)
    wanted = [
        apply_transform(compose, SCANS[row], AUGMENTATION.seed(3, 0, epoch, row))
        for epoch, row in keys
    ]
    assert batch.labels.root.tolist() == [row for _, row in keys]
    return batch.ink, torch.stack(wanted)


@pytest.mark.parametrize("crop", ["ink", "none"])
@pytest.mark.parametrize("size", [ImageSize(32, 32), ImageSize(64, 64), ImageSize(137, 236)])
def test_a_devices_pictures_are_the_transforms(size, crop):
    got, wanted = drawn(size, crop, CPU)
    assert got.shape == wanted.shape
    assert got.dtype == torch.float32
    assert 0 <= got.min() < got.max() <= 1
    apart = (got - wanted).abs()
    assert apart.mean() < 0.003
    assert apart.max() < 0.25
    assert abs((got - wanted).mean()) < 0.001
    others = (got - wanted.roll(1, 0)).abs().mean()
    assert others > 5 * apart.mean()


# How far pixels are from the CPU's on the mean, which samples twice what is bent.
DISTORTED = {
    "elastic": 0.02,
    "grid": 0.02,
    "thickness": 0.003,
    "blur": 0.003,
    "contrast": 0.004,
    "erase": 0.003,
}


@pytest.mark.parametrize("kind", [*DISTORTED, "erase_kind"])
@pytest.mark.parametrize("size", [ImageSize(64, 64), ImageSize(64, 96)])
def test_a_device_distorts_as_the_transforms_do(kind, size):
    """By the same amounts, and the same of the pictures: half of them."""
    switched = {"erase_kind": "grid", "erase": 0.5} if kind == "erase_kind" else {kind: 0.5}
    by = dataclasses.replace(MOVES, **switched)
    got, wanted = drawn(size, "ink", CPU, by)
    plain, plain_there = drawn(size, "ink", CPU)
    changed = (wanted != plain_there).flatten(1).any(1)
    assert 4 <= changed.sum() <= 20
    # By less than half a grey the transforms change nothing.
    assert torch.equal(((got - plain).abs() > 0.5 / 255).flatten(1).any(1), changed)
    assert 0 <= got.min() < got.max() <= 1
    assert (got - wanted).abs().mean() < DISTORTED.get(kind, 0.003)
    here, there = got - plain, wanted - plain_there
    assert (here - there).abs().mean() < 0.5 * there.abs().mean()


def test_all_distortions_together_are_nearly_those_of_the_transforms():
    by = dataclasses.replace(MOVES, **dict.fromkeys(DISTORTED, 0.5), strength=0.5)
    got, wanted = drawn(ImageSize(64, 64), "ink", CPU, by)
    assert (got - wanted).abs().mean() < 0.02


def test_a_bend_is_none_of_the_ink_beside_a_box():
    """What a bend reaches for outside the shown part of a scan is paper."""
    compose = make_transform(ImageSize(64, 64), "ink", dataclasses.replace(STILL, elastic=1.0))
    blank = np.zeros((HEIGHT, WIDTH), np.uint8)
    blank[20:84, 30:94] = 255
    frame = Frame(20, 84, 30, 94, 255)
    placed = [placed_scan(compose, blank, seed, frame=frame) for seed in range(8)]
    assert draw(default_collate(placed), ImageSize(64, 64), CPU).max() < 1e-6


def test_without_distortions_nothing_more_travels_and_nothing_more_is_drawn():
    compose = make_transform(ImageSize(64, 64), "ink", MOVES)
    placed = placed_scan(compose, SCANS[0], 5, frame=Frame(*FRAMES[0].tolist()))
    assert placed.distortions.nbytes == 0


def test_a_picture_needs_no_larger_ones_beside_it():
    """Where all are drawn equally large they differ by rounding alone."""
    compose = make_transform(ImageSize(64, 64), "none", MOVES)
    one = placed_scan(compose, SCANS[0], 5, frame=Frame(*FRAMES[0].tolist()))
    got = draw(default_collate([one]), ImageSize(64, 64), CPU)[0]
    wanted = apply_transform(compose, SCANS[0], 5)
    assert (got - wanted).abs().max() < 0.06
    assert (got - wanted).abs().mean() < 0.001


def test_scans_travel_as_bytes():
    compose = make_transform(ImageSize(128, 128), "ink", MOVES)
    placed = StoreDataset(SCANS, FRAMES, compose, LABELS, (3, 0), draw=placed_scan)[0, 0].ink
    assert placed.scan.dtype == torch.uint8
    assert placed.nbytes < SCANS[0].nbytes + 100


def test_worker_processes_place_the_same():
    by = dataclasses.replace(MOVES, **dict.fromkeys(DISTORTED, 0.5))
    compose = make_transform(ImageSize(32, 32), "ink", by)
    placed = StoreDataset(SCANS, FRAMES, compose, LABELS, (3, 0), draw=placed_scan)
    made = [
        DevicePictures(
            loader(placed, Batches(np.arange(24), 8, (3, 0)), workers, CPU), ImageSize(32, 32), CPU
        )
        for workers in (0, 1)
    ]
    for alone, beside in zip(*made, strict=True):
        assert torch.equal(alone.ink, beside.ink)


@pytest.mark.gpu
def test_a_gpus_pictures_are_the_transforms():
    got, wanted = drawn(ImageSize(64, 64), "ink", torch.device("cuda"))
    assert got.is_cuda
    assert (got.cpu() - wanted).abs().mean() < 0.003


@pytest.mark.gpu
def test_a_gpu_distorts_as_a_cpu_does():
    by = dataclasses.replace(MOVES, **dict.fromkeys(DISTORTED, 0.5))
    on_gpu, on_cpu = (
        drawn(ImageSize(64, 64), "ink", torch.device(device), by)[0].cpu()
        for device in ("cuda", "cpu")
    )
    assert (on_gpu - on_cpu).abs().mean() < 1e-3
