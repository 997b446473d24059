"""The distortions of `images.distortions` in batches on a device, in plain torch.

What is random is drawn where the scans come from, from the same streams: the same pictures are
distorted by the same amounts. Only the drawing is another. A picture is bent while it is moved,
in one sampling: a little sharper, and where a bend reaches over the picture's edge it finds what
lies there of the scan instead of paper; the joints of a stretched grid are rounder. Nothing is
rounded to grey levels on the way.

B pictures of a batch, H x W pixels.
"""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.settings.types import ImageSize
from graphemes.images.distortions import (
    FIELD,
    Blur,
    Contrast,
    Distortion,
    Elastic,
    Grid,
    Thickness,
)
from graphemes.images.erasing import Erasing, GridErasing

Map = npt.NDArray[np.float32]  # (H, W, 2), where a pixel is taken from: x, y


class DrawnDistortions(NamedTuple):
    """What is to be done to one picture; a batch has B in front.

    A tensor without elements is of a distortion that is off.
    """

    bend: Tensor  # (2, FIELD, FIELD) float32: how many pixels aside and down a pixel is taken from
    radius: Tensor  # (1,) float32: pixels added to strokes at either side; below 0: taken off them
    kernel: Tensor  # (odd,) float32: of the blur
    factor: Tensor  # (1,) float32: times the ink
    holes: Tensor  # (n, 4) float32: left, top, right, bottom in pixels

    @property
    def nbytes(self) -> int:
        """Of all its tensors."""
        return sum(part.nbytes for part in self)


def drawn_distortions(
    distortions: list[Distortion], seed: int, size: ImageSize
) -> DrawnDistortions:
    """What these would do to a picture of this seed and size."""
    maps: list[Map] = []
    found: dict[str, npt.NDArray[Any]] = {key: np.zeros(0) for key in DrawnDistortions._fields}
    for one in distortions:
        drawn = _params(one, seed, size)
        match one:
            case Elastic() | Grid():
                found["bend"] = np.zeros((2, FIELD, FIELD))
                maps += [np.dstack([drawn["map_x"], drawn["map_y"]])] if drawn else []
            case Thickness():
                found["radius"] = np.array([drawn.get("radius", 0.0)])
            case Blur():
                found["kernel"] = _padded(drawn.get("kernel", np.ones(1)), one.longest_kernel)
            case Contrast():
                found["factor"] = np.array([drawn.get("alpha", 1.0)])
            case Erasing() | GridErasing():
                found["holes"] = np.zeros((one.most_holes(size), 4))
                holes = drawn.get("holes", np.zeros((0, 4)))
                found["holes"][: len(holes)] = holes
    if maps:
        found["bend"] = _bend(maps)
    return DrawnDistortions(
        **{key: torch.from_numpy(np.float32(one)) for key, one in found.items()}
    )


def _params(one: Distortion, seed: int, size: ImageSize) -> dict[str, Any]:
    """What a distortion draws for a picture; nothing where it leaves the picture alone."""
    one.set_random_seed(seed)
    if not one.should_apply():
        return {}
    shape = {"shape": (*size, 1)}
    return {**one.get_params(), **one.get_params_dependent_on_data(shape, {})}


def _padded(kernel: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    return np.pad(kernel, (length - len(kernel)) // 2)


def _bend(maps: list[Map]) -> npt.NDArray[np.float32]:
    """(2, FIELD, FIELD) pixels aside and down, of pictures bent by one map after the other."""
    joined, *after = maps
    for one in after:
        sampled = cv2.remap(
            joined, one[..., 0], one[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        joined = np.asarray(sampled, np.float32)
    height, width = joined.shape[:2]
    aside = joined - np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    # Samples in the middles of FIELD x FIELD cells, not means of them, which would bend less.
    points = cv2.resize(aside, (FIELD, FIELD), interpolation=cv2.INTER_LINEAR)
    return np.asarray(points.transpose(2, 0, 1), np.float32)


def distorted(ink: Tensor, drawn: DrawnDistortions) -> Tensor:
    """(B, 1, H, W) pictures that are bent already: bolder, blurred, fainter, erased."""
    if drawn.radius.numel():
        ink = _thickened(ink, drawn.radius)
    if drawn.kernel.numel():
        ink = _blurred(ink, drawn.kernel)
    if drawn.factor.numel():
        ink = (ink * drawn.factor.view(-1, 1, 1, 1)).clamp(max=1)
    if drawn.holes.numel():
        ink = ink * ~_in_holes(drawn.holes, *ink.shape[2:])
    return ink


def _thickened(ink: Tensor, radius: Tensor) -> Tensor:
    radius = radius.view(-1, 1, 1, 1)
    sign = radius.sign()
    for step in range(math.ceil(float(radius.abs().max()))):
        part = (radius.abs() - step).clamp(0, 1)
        # The greatest of a pixel and its four neighbours; where strokes get finer, the least.
        signed = sign * ink
        upright = functional.max_pool2d(signed, (3, 1), 1, (1, 0))
        level = functional.max_pool2d(signed, (1, 3), 1, (0, 1))
        ink = ink + part * (sign * torch.maximum(upright, level) - ink)
    return ink


def _blurred(ink: Tensor, kernel: Tensor) -> Tensor:
    """Each picture by its own kernel, downwards and across."""
    count, length = kernel.shape
    reach = length // 2
    padded = functional.pad(ink, (reach, reach, reach, reach), "reflect").transpose(0, 1)
    padded = functional.conv2d(padded, kernel.view(count, 1, length, 1), groups=count)
    padded = functional.conv2d(padded, kernel.view(count, 1, 1, length), groups=count)
    return padded.transpose(0, 1)


def _in_holes(holes: Tensor, height: int, width: int) -> Tensor:
    """(B, 1, height, width) whether a pixel lies in one of the holes."""
    left, top, right, bottom = (side[..., None] for side in holes.unbind(2))  # (B, n, 1)
    rows = torch.arange(height, device=holes.device)
    columns = torch.arange(width, device=holes.device)
    across = ((columns >= left) & (columns < right)).float()
    down = ((rows >= top) & (rows < bottom)).float()
    return (down.transpose(1, 2) @ across > 0)[:, None]
