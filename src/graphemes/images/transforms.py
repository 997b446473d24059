"""From a scan to the picture the network sees: whiten, crop, pad, move (in training), resize.

H x W pixels; scans are uint8, 255 paper .. 0 ink; pictures are (1, H, W) float32, 0 paper .. 1 ink.
"""

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

# Its import asks the network for its newest version otherwise, and waits for an answer. That holds
# as long as no other module here imports it.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["ALBUMENTATIONS_NO_TELEMETRY"] = "1"  # its successor's, which has the same module's name

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
import torch
from albumentations.pytorch import ToTensorV2

from graphemes.foundation.settings.types import Crop, ImageSize
from graphemes.images.ink import Levels, ink_box

PAPER = 255
Transform: TypeAlias = A.Compose  # of a scan to a picture


@dataclass(frozen=True)
class Augmentation:
    """How far training pictures may be moved; each value is the greatest change."""

    shift: float  # share of the side
    scale: float  # 0.1 is 0.9 to 1.1
    rotate: float  # degrees
    shear: float  # degrees


class WhitePaper(A.ImageOnlyTransform):  # type: ignore[misc]
    """Lift a scan's grey levels until its paper is 255, as the paper that is added to it is."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply(self, img: npt.NDArray[np.uint8], **_: Any) -> npt.NDArray[np.uint8]:
        """(H, W) or (H, W, 1) uint8 -> the same, lighter."""
        lift = PAPER - Levels.of(img).paper
        return np.minimum(img, PAPER - lift) + np.uint8(lift)


class CropToInk(A.ImageOnlyTransform):  # type: ignore[misc]
    """Cut a scan to its ink (`images.ink.ink_box`)."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply(self, img: npt.NDArray[np.uint8], **_: Any) -> npt.NDArray[np.uint8]:
        """(H, W) or (H, W, 1) uint8 -> the same, cropped."""
        box = ink_box(img.reshape(img.shape[:2]))
        return np.ascontiguousarray(img[box.top : box.bottom, box.left : box.right])


class PadToAspect(A.ImageOnlyTransform):  # type: ignore[misc]
    """Add paper on two sides until the scan has the shape's ratio of sides, ink in the middle."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(p=1.0)
        self.height, self.width = height, width

    def apply(self, img: npt.NDArray[np.uint8], **_: Any) -> npt.NDArray[np.uint8]:
        """(h, w) or (h, w, 1) uint8 -> (h', w' ...) with h' / w' nearest to height / width."""
        high, wide = img.shape[:2]
        down = max(0, round(wide * self.height / self.width) - high)
        across = max(0, round(high * self.width / self.height) - wide)
        sides = (down // 2, down - down // 2, across // 2, across - across // 2)
        padded = cv2.copyMakeBorder(img, *sides, cv2.BORDER_CONSTANT, value=PAPER)
        return padded.reshape(*padded.shape[:2], *img.shape[2:])


class Ink(A.ImageOnlyTransform):  # type: ignore[misc]
    """Grey levels to ink: uint8 255 paper .. 0 -> float32 0 paper .. 1."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply(self, img: npt.NDArray[np.uint8], **_: Any) -> npt.NDArray[np.float32]:
        """(H, W ...) uint8 -> float32."""
        return (np.float32(PAPER) - img) / np.float32(PAPER)


def _moves(by: Augmentation) -> A.Affine:
    return A.Affine(
        translate_percent=(-by.shift, by.shift),
        scale=(1 - by.scale, 1 + by.scale),
        rotate=(-by.rotate, by.rotate),
        shear=(-by.shear, by.shear),
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_CONSTANT,
        fill=PAPER,
        p=1.0,
    )


def make_transform(size: ImageSize, crop: Crop, by: Augmentation | None = None) -> Transform:
    """The Compose for validation and prediction, or with `by` for training.

    Moves happen before the resize, at the scan's own resolution, so that strokes stay sharp.
    """
    steps: list[A.BasicTransform] = [WhitePaper()]
    if crop == "ink":
        steps.append(CropToInk())
    steps.append(PadToAspect(size.height, size.width))
    if by is not None:
        steps.append(_moves(by))
    steps += [A.Resize(size.height, size.width, interpolation=cv2.INTER_AREA), Ink(), ToTensorV2()]
    return Transform(steps)


def apply_transform(
    compose: Transform, scan: npt.NDArray[np.uint8], seed: int | None = None
) -> torch.Tensor:
    """One picture (1, H, W) float32 of a scan (H, W) uint8.

    The same seed gives the same picture, whoever drew before; None: nothing is drawn.
    """
    if seed is not None:
        compose.set_random_seed(seed % 2**32)
    return compose(image=scan[..., None])["image"]  # type: ignore[no-any-return]
