"""Views of a picture (tta=): the picture itself and the same a little moved or zoomed.

Made of the pictures as the network gets them, on its device, where 0 is paper; so a view lacks what
the move has pushed over the edge, as a scan that was moved would. B pictures, H x W pixels.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.settings.types import Tta

SHIFT = 0.04  # of the side: a pixel or two of 32, five of 128
ZOOMS = (0.9, 1.1)  # below 1 the writing gets smaller
VIEWS: dict[Tta, int] = {"none": 1, "shifts": 5, "scales": 1 + len(ZOOMS)}  # how often it is read


def views(ink: Tensor, tta: Tta) -> Iterator[Tensor]:
    """The views of pictures (B, 1, H, W) one after another, each of their shape and type."""
    yield ink
    if tta == "shifts":
        down, across = (max(1, round(SHIFT * side)) for side in ink.shape[-2:])
        for rows, columns in ((down, 0), (-down, 0), (0, across), (0, -across)):
            yield shifted(ink, rows, columns)
    elif tta == "scales":
        for zoom in ZOOMS:
            yield zoomed(ink, zoom)


def shifted(ink: Tensor, rows: int, columns: int) -> Tensor:
    """Moved down by `rows` and right by `columns` whole pixels; paper comes in."""
    # Negative padding cuts: left, right, top, bottom.
    return functional.pad(ink, (columns, -columns, rows, -rows))


def zoomed(ink: Tensor, zoom: float) -> Tensor:
    """Enlarged about the middle by `zoom`, bilinearly; beyond the edge is paper."""
    # The grid says where each pixel comes from, so it shrinks where the picture grows.
    matrix = torch.tensor([[1 / zoom, 0, 0], [0, 1 / zoom, 0]], dtype=ink.dtype, device=ink.device)
    size = [1, 1, *ink.shape[-2:]]
    grid = functional.affine_grid(matrix[None], size, align_corners=False)
    return functional.grid_sample(
        ink, grid.expand(ink.shape[0], -1, -1, -1), padding_mode="zeros", align_corners=False
    )
