"""From scans to pictures in tensors alone: `images.transforms` without OpenCV, to be exported.

Every step of `make_transform` is said again in operations that a graph can hold. The box around
the ink is the same to the pixel, connected spots, specks and marks at the border included;
resizing rounds as OpenCV does but for some pixels, by one grey level in 255.

N scans of 137 x 236 pixels, P = 32,332 of them each; H x W pixels of a picture.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.foundation.settings.types import Crop, ImageSize
from graphemes.images.distortions import PAPER
from graphemes.images.ink import DARKEST, FAINTEST, SHARE
from graphemes.inference.ink_spots import Boxes, ink_boxes


class ScanToPicture(nn.Module):
    """Scans (N, 137, 236) uint8, 255 paper, to pictures (N, 1, H, W) float32, 0 paper .. 1 ink."""

    def __init__(self, size: ImageSize, crop: Crop) -> None:
        super().__init__()
        self.size, self.crop = size, crop
        # As a table: 0.35 of a depth cut to an integer is another number in float32 here and there.
        depths = [max(FAINTEST, int(SHARE * depth)) for depth in range(PAPER + 1)]
        self.register_buffer("least_depth", torch.tensor(depths, dtype=torch.float32))

    def forward(self, scans: Tensor) -> Tensor:
        """(N, 137, 236) uint8 -> (N, 1, H, W) float32."""
        grey = scans.to(torch.float32)
        flat = grey.flatten(1)  # (N, P)
        paper, darkest = _levels(flat, 0.5, DARKEST).unbind(1)
        ink = (paper.view(-1, 1, 1) - grey).clamp(min=0)  # levels below the paper
        boxes = self._boxes(ink, paper - darkest)
        return _resized(ink, boxes, self.size)[:, None] / PAPER

    def _boxes(self, ink: Tensor, darkest: Tensor) -> Boxes:
        """The boxes of `images.ink.ink_box`, from ink (N, 137, 236) and its darkest level (N,)."""
        if self.crop == "none":
            none = torch.zeros_like(darkest)
            return Boxes(none, none + HEIGHT, none, none + WIDTH)
        least = self.least_depth[darkest.clamp(0, PAPER).to(torch.int64)]  # type: ignore[index]
        return ink_boxes(ink > least.view(-1, 1, 1))


def _levels(flat: Tensor, *shares: float) -> Tensor:
    """(N, shares) the lowest levels that these shares of the pixels (N, P) aren't above."""
    # By halving: eight looks at all pixels, where sorting them takes many times as long.
    wanted = torch.tensor([[math.ceil(share * PIXELS) for share in shares]], device=flat.device)
    level = flat[:, : len(shares)] * 0
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        dark = flat[:, None] <= (level + (step - 1))[..., None]
        level = level + step * (dark.to(torch.float32).sum(2) < wanted)
    return level


def _resized(ink: Tensor, boxes: Boxes, size: ImageSize) -> Tensor:
    """(N, H, W) whole levels: each box padded with paper to the size's ratio, then resized."""
    high, wide = boxes.bottom - boxes.top, boxes.right - boxes.left
    down = (torch.round(wide * size.height / size.width) - high).clamp(min=0)
    across = (torch.round(high * size.width / size.height) - wide).clamp(min=0)
    shrinks = (high + down >= size.height) & (wide + across >= size.width)
    # Paper is 0 here: what is padded adds nothing to a sum, so no pixel of it need be there.
    rows = _weights(_Side(boxes.top, high, down), HEIGHT, size.height, shrinks)  # (N, H, 137)
    columns = _weights(_Side(boxes.left, wide, across), WIDTH, size.width, shrinks)  # (N, W, 236)
    sums = rows @ ink @ columns.transpose(1, 2)
    return PAPER - torch.round(PAPER - sums)  # of the grey level: halves go to the even one


class _Side(NamedTuple):
    """A side of N boxes: its first pixel, its pixels, the paper added at both ends; (N,) each."""

    start: Tensor
    length: Tensor
    added: Tensor


def _weights(side: _Side, pixels: int, wanted: int, shrinks: Tensor) -> Tensor:
    """(N, wanted, pixels): what each pixel of a scan's side gives to each of a picture's.

    shrinks: (N,) whether OpenCV's INTER_AREA averages, as it does unless a side grows; then it
    goes from pixel to pixel.
    """
    device = side.start.device
    places = torch.arange(wanted, device=device, dtype=torch.float32).view(1, -1, 1)
    pixel = torch.arange(pixels, device=device, dtype=torch.float32).view(1, 1, -1)
    before = torch.floor(side.added / 2)
    first, length, before, added = (
        one.view(-1, 1, 1) for one in (side.start, side.length, before, side.added)
    )
    inside = (pixel >= first) & (pixel < first + length)
    at = pixel - first + before  # where a pixel is in the padded box
    whole = length + added
    # In OpenCV's types and order: where it rounds down to another pixel, so does this.
    # Not wanted / whole: a number by a tensor is to torch the number times 1 / whole.
    grown = torch.full_like(whole, wanted, dtype=torch.float64) / whole
    scale = torch.reciprocal(grown)
    begin = places * scale
    overlap = torch.minimum(begin + scale, at + 1) - torch.maximum(begin, at)
    areas = (overlap.clamp(min=0) * grown).to(torch.float32)
    near = torch.floor(begin)
    far = ((places + 1) - (near + 1) * grown).to(torch.float32)
    far = torch.where(far <= 0, 0.0, far - torch.floor(far))
    far = torch.where(near >= whole - 1, 0.0, far)
    near = torch.minimum(near, whole - 1)
    steps = torch.where(at == near, 1 - far, torch.where(at == near + 1, far, 0.0))
    return torch.where(shrinks.view(-1, 1, 1), areas, steps) * inside
