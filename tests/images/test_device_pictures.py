"""Pictures that a device draws in batches are those of the transforms."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from graphemes.foundation.heads import PerHead
from graphemes.foundation.seeds import AUGMENTATION
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.device_pictures import DevicePictures, draw, placed_scan
from graphemes.images.ink import Frame, frames_of
from graphemes.images.sampling import Batches
from graphemes.images.transforms import Augmentation, apply_transform, make_transform
from graphemes.pipeline.export_checks import made_images

MOVES = Augmentation(shift=0.06, scale=0.15, rotate=10, shear=10)
SCANS = made_images(24).scans
FRAMES = frames_of(SCANS)
LABELS = PerHead(*(np.arange(24) + first for first in (0, 100, 200)))
CPU = torch.device("cpu")


def drawn(size: ImageSize, crop: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 1, H, W) the pictures of a device and those of the transforms."""
    compose = make_transform(size, crop, MOVES)
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
    compose = make_transform(ImageSize(32, 32), "ink", MOVES)
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
