"""Connected spots of ink in tensors alone: the box of `images.ink`, in operations a graph can hold.

N scans of Y x X pixels; blocks of 2 x 2 pixels, h x w of them, K in all. The marked pixels of a
block touch each other, so that a quarter of the names is enough.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from graphemes.images.ink import BORDER, MARGIN, SPECK

# Of 12,000 real scans all are through after 8; a spot that isn't has several names after them.
ROUNDS = 10
AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


class Boxes(NamedTuple):
    """Rows top .. bottom - 1 and columns left .. right - 1 of N scans, (N,) float32 each."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


def ink_boxes(mask: Tensor) -> Boxes:
    """The boxes around the spots of a mask (N, Y, X) that count; of all of it where none does."""
    height, width = mask.shape[1:]
    quarters = _quarters(mask)
    names = _names(quarters)
    sides = _sides(quarters)
    inked = sides.bottom > 0
    sizes = torch.stack([part.to(torch.float32) for part in quarters.values()]).sum(0)
    kept = inked & (_total(names, sizes) >= SPECK)
    none = torch.zeros_like(sides.top[:, 0])
    whole = Boxes(none, none + height, none, none + width)
    for first, last, length in ((*sides[:2], height), (*sides[2:], width)):
        # A spot that stays within the border at any one edge isn't writing.
        kept = kept & (_greatest(names, last) > BORDER)
        kept = kept & (-_greatest(names, -first) < length - BORDER)
    found = kept.any(1)
    ends = Boxes(
        (torch.where(kept, sides.top, height).amin(1) - MARGIN).clamp(min=0),
        (torch.where(kept, sides.bottom, 0).amax(1) + MARGIN).clamp(max=height),
        (torch.where(kept, sides.left, width).amin(1) - MARGIN).clamp(min=0),
        (torch.where(kept, sides.right, 0).amax(1) + MARGIN).clamp(max=width),
    )
    return Boxes(*(torch.where(found, end, all_) for end, all_ in zip(ends, whole, strict=True)))


_Quarters = dict[tuple[int, int], Tensor]  # (N, h, w) bool by row and column in the block


def _quarters(mask: Tensor) -> _Quarters:
    """The blocks' pixels; odd sides are filled up with nothing, then a column of nothing."""
    height, width = mask.shape[1:]
    whole = functional.pad(mask, (0, width % 2 + 2, 0, height % 2))
    return {(y, x): whole[:, y::2, x::2] for y in (0, 1) for x in (0, 1)}


def _sides(quarters: _Quarters) -> Boxes:
    """The box of each block's marked pixels, (N, K) each; 0 at bottom and right where none is."""
    nw, ne, sw, se = quarters.values()
    high, wide = nw.shape[1:]
    tops = 2 * torch.arange(high, device=nw.device, dtype=torch.float32)[None, :, None]
    lefts = 2 * torch.arange(wide, device=nw.device, dtype=torch.float32)[None, None, :]
    inked = (nw | ne | sw | se).to(torch.float32)
    sides = (
        tops + 1 - (nw | ne).to(torch.float32),
        (tops + 1 + (sw | se).to(torch.float32)) * inked,
        lefts + 1 - (nw | sw).to(torch.float32),
        (lefts + 1 + (ne | se).to(torch.float32)) * inked,
    )
    return Boxes(*(side.flatten(1) for side in sides))


def _names(quarters: _Quarters) -> Tensor:
    """(N, K) int64: the same for all blocks of a spot, the place of one of them; 0 of paper.

    FastSV (Zhang, Azad, Hu 2020, arXiv:1910.05971): a block and the one that it is named after
    take the greatest name around, then the name of that name's block, so that names spread in
    leaps.
    """
    wide = quarters[0, 0].shape[2]
    links = _links(quarters)  # (N, 9, K)
    inked = links[:, AROUND.index((0, 0))]
    names = torch.arange(1, inked.shape[1] + 1, device=inked.device, dtype=torch.float32) * inked
    for _ in range(ROUNDS):  # 0 is paper
        near = (torch.cat(_around(names[:, None], wide, AROUND), 1) * links).amax(1)
        near = near.scatter_reduce(1, _places(names), near, "amax") * inked
        leap = torch.gather(near, 1, _places(near))
        names = torch.maximum(near, leap) * inked
    return _places(names)


def _places(names: Tensor) -> Tensor:
    return (names - 1).clamp(min=0).to(torch.int64)


def _around(values: Tensor, wide: int, ways: list[tuple[int, int]]) -> list[Tensor]:
    """Values (..., K) as they are around each block, for each way; 0 where there is nothing.

    A step down is `wide` places on, so each way is one cut from the row of all blocks. What is
    beyond the left edge is the empty column at the right.
    """
    count, most = values.shape[-1], wide + 1
    padded = functional.pad(values, (most, most))
    starts = [most + down * wide + right for down, right in ways]
    return [padded[..., start : start + count] for start in starts]


def _links(quarters: _Quarters) -> Tensor:
    """(N, 9, K) 1 where a block's ink touches that of the block around it, else 0."""
    wide = quarters[0, 0].shape[2]
    ways = {-1: (0,), 0: (0, 1), 1: (1,)}
    facing = []
    for down, right in AROUND:  # ink at the side or corner that lies that way
        near = [quarters[y, x] for y in ways[down] for x in ways[right]]
        facing.append(functools.reduce(torch.bitwise_or, near).flatten(1).to(torch.float32))
    # Theirs that lies this way: the ways are in an order that backwards is opposite.
    theirs = [
        _around(one, wide, [way])[0] for way, one in zip(AROUND, reversed(facing), strict=True)
    ]
    return torch.stack(facing, 1) * torch.stack(theirs, 1)


def _total(names: Tensor, values: Tensor) -> Tensor:
    """(N, K) the sum of the values (N, h, w) over each block's spot."""
    sums = torch.zeros_like(values.flatten(1)).scatter_add(1, names, values.flatten(1))
    return torch.gather(sums, 1, names)


def _greatest(names: Tensor, values: Tensor) -> Tensor:
    """(N, K) the greatest of the values (N, K) over each block's spot."""
    found = torch.full_like(values, -1e6).scatter_reduce(1, names, values, "amax")
    return torch.gather(found, 1, names)
