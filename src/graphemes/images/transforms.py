"""From a scan to the picture the network sees: cropped, whitened, padded, moved, resized.

H x W pixels; scans are uint8, 255 paper .. 0 ink; pictures are (1, H, W) float32, 0 paper .. 1 ink.
"""

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch

from graphemes.foundation.settings.groups import MOVES
from graphemes.foundation.settings.types import Crop, ImageSize
from graphemes.images.albumentations_library import A, ToTensorV2
from graphemes.images.augmentation import Augmentation, make_distortions
from graphemes.images.distortions import PAPER
from graphemes.images.ink import Box, Frame
from graphemes.images.placement import Placement, crop_box, padded_shape, padding, place

Transform: TypeAlias = A.Compose  # of a scan to a picture


class FramedPicture(A.ImageOnlyTransform):  # type: ignore[misc]
    """Cut a scan to its frame, whiten its paper, pad, move and resize it.

    Takes the scan's `Frame` beside the image. A picture that isn't moved is averaged by OpenCV's
    INTER_AREA; a moved one is drawn by one warp and averaged where it was drawn larger.
    """

    def __init__(self, size: ImageSize, crop: Crop, by: Augmentation | None) -> None:
        self.moves = None if by is None else _moves(by)  # first: the next line seeds it
        super().__init__(p=1.0)
        self.size, self.crop = size, crop

    @property
    def targets_as_params(self) -> list[str]:
        """What is handed to the next method beside the image."""
        return ["frame"]

    def set_random_seed(self, seed: int | None) -> None:
        """Seed the moves, too."""
        super().set_random_seed(seed)
        if self.moves is not None:
            self.moves.random_generator, self.moves.py_random = (
                self.random_generator,
                self.py_random,
            )

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """What is shown of a scan, how much lighter, and where it goes; None: it isn't moved."""
        frame: Frame = data["frame"]
        box = crop_box(frame, self.crop)
        return {"box": box, "lift": PAPER - frame.paper, "placement": self.placement(box)}

    def placement(self, box: Box) -> Placement | None:
        """Where this crop goes now, by the random stream; None where nothing is moved."""
        if self.moves is None:
            return None
        shape = padded_shape(box, padding(box, self.size))
        drawn = self.moves.get_params_dependent_on_data({"shape": shape}, {})
        return place(box, self.size, drawn["matrix"])

    def apply(
        self,
        img: npt.NDArray[np.uint8],
        box: Box,
        lift: int,
        placement: Placement | None,
        **_: Any,
    ) -> npt.NDArray[np.uint8]:
        """(137, 236, 1) uint8 -> (H, W, 1) uint8."""
        # Lifted until its paper is 255, as the paper that is added to it is.
        crop = img[box.top : box.bottom, box.left : box.right, 0]
        crop = np.minimum(crop, PAPER - lift) + np.uint8(lift)
        if placement is None:
            paper = padding(box, self.size)
            drawn = cv2.copyMakeBorder(crop, *paper, cv2.BORDER_CONSTANT, value=PAPER)
        else:
            times = placement.times
            drawn = cv2.warpAffine(
                crop,
                placement.drawn,
                (times * self.size.width, times * self.size.height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=PAPER,
            )
        size = (self.size.width, self.size.height)
        picture = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)[..., None]
        return np.asarray(picture, np.uint8)


class Ink(A.ImageOnlyTransform):  # type: ignore[misc]
    """Grey levels to ink: uint8 255 paper .. 0 -> float32 0 paper .. 1."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply(self, img: npt.NDArray[np.uint8], **_: Any) -> npt.NDArray[np.float32]:
        """(H, W ...) uint8 -> float32."""
        return (np.float32(PAPER) - img) / np.float32(PAPER)


def _moves(by: Augmentation) -> A.Affine:
    shift, scale, rotate, shear = map(by.farthest, MOVES)
    return A.Affine(
        translate_percent=(-shift, shift),
        scale=(1 - scale, 1 + scale),
        rotate=(-rotate, rotate),
        shear=(-shear, shear),
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_CONSTANT,
        fill=PAPER,
        p=1.0,
    )


def make_transform(size: ImageSize, crop: Crop, by: Augmentation | None = None) -> Transform:
    """The Compose for validation and prediction, or with `by` for training."""
    distortions = [] if by is None else make_distortions(size, by)
    return Transform([FramedPicture(size, crop, by), *distortions, Ink(), ToTensorV2()])


def apply_transform(
    compose: Transform,
    scan: npt.NDArray[np.uint8],
    seed: int | None = None,
    *,
    frame: Frame | None = None,
) -> torch.Tensor:
    """One picture (1, H, W) float32 of a scan (137, 236) uint8.

    The same seed gives the same picture, whoever drew before; None: nothing is drawn.
    frame: the scan's, where it is known; it is looked for otherwise.
    """
    if seed is not None:
        compose.set_random_seed(seed % 2**32)
    found = Frame.of(scan) if frame is None else frame
    return compose(image=scan[..., None], frame=found)["image"]  # type: ignore[no-any-return]
