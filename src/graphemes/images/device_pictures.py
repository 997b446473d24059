"""Pictures drawn in batches where the network is (augment=device): scans travel, as bytes.

The moves are those of `images.transforms`, drawn from the same random streams; only the drawing is
another: of 256 real scans the pixels differ by 0.0013 on the mean and by 0.15 at most, at 64x64 and
128x128, as a batch is drawn as large as the one of its pictures that needs it most.

B scans of a batch, H x W pixels of a picture.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.dataset import Sample
from graphemes.images.device_distortions import DrawnDistortions, distorted, drawn_distortions
from graphemes.images.distortions import PAPER, Distortion
from graphemes.images.ink import Frame
from graphemes.images.placement import crop_box
from graphemes.images.transforms import FramedPicture, Transform


class PlacedScan(NamedTuple):
    """A scan, and where its pixels go in a picture that isn't drawn yet; a batch has B in front."""

    scan: Tensor  # (137, 236) uint8
    box: Tensor  # (4,) int64: rows top .. bottom - 1 and columns left .. right - 1 are shown
    lift: Tensor  # () int64: added to its grey levels
    matrix: Tensor  # (2, 3) float32: from a picture's pixels (x, y, 1) to the scan's (x, y)
    times: Tensor  # () int64: how much larger it is drawn, to be averaged
    distortions: DrawnDistortions  # what else is done to it

    @property
    def nbytes(self) -> int:
        """Of all its tensors."""
        return sum(part.nbytes for part in self)


def placed_scan(
    compose: Transform, scan: npt.NDArray[np.uint8], seed: int | None, *, frame: Frame
) -> PlacedScan:
    """What `apply_transform` would draw with this seed: for StoreDataset's `draw`."""
    framed: FramedPicture = compose.transforms[0]
    distortions = [one for one in compose.transforms if isinstance(one, Distortion)]
    assert seed is not None
    framed.set_random_seed(seed % 2**32)
    box = crop_box(frame, framed.crop)
    placement = framed.placement(box)
    assert placement is not None, "pictures that aren't moved are made by apply_transform"
    matrix = np.linalg.pinv(placement.matrix)[:2]  # of a picture sheared flat there is no inverse
    matrix[:, 2] += box.left, box.top
    return PlacedScan(
        torch.from_numpy(scan.copy()),  # a store's rows can't be written to, as torch wants it
        torch.tensor(box),
        torch.tensor(PAPER - frame.paper),
        torch.from_numpy(matrix.astype(np.float32)),
        torch.tensor(placement.times),
        drawn_distortions(distortions, seed % 2**32, framed.size),
    )


def draw(placed: PlacedScan, size: ImageSize, device: torch.device) -> Tensor:
    """(B, 1, H, W) float32 on the device, 0 paper .. 1 ink, of a batch that is on the CPU."""
    times = int(placed.times.max())
    scan, box, lift, matrix = (part.to(device, non_blocking=True) for part in placed[:4])
    drawn = DrawnDistortions(*(part.to(device, non_blocking=True) for part in placed.distortions))
    ink = (PAPER - lift.view(-1, 1, 1) - scan.int()).clamp(min=0).float() / PAPER
    ink *= _inside(box, HEIGHT, WIDTH)
    # The middles of the drawn pixels, in the picture's own pixels.
    down = (torch.arange(times * size.height, device=device) + 0.5) / times - 0.5
    across = (torch.arange(times * size.width, device=device) + 0.5) / times - 0.5
    along, beside, offset = matrix.unbind(2)  # (B, 2) each, of x and y
    points = (
        along[:, None, None] * across[None, None, :, None]
        + beside[:, None, None] * down[None, :, None, None]
        + offset[:, None, None]
    )
    if drawn.bend.numel():
        size_drawn = (len(down), len(across))
        bend = functional.interpolate(drawn.bend, size_drawn, mode="bicubic")[..., None]
        points += along[:, None, None] * bend[:, 0] + beside[:, None, None] * bend[:, 1]
    sides = torch.tensor([WIDTH, HEIGHT], device=device)
    grid = (2 * points + 1) / sides - 1  # from -1 to 1 between the outer edges
    picture = functional.grid_sample(ink[:, None], grid, align_corners=False)
    if times > 1:
        picture = functional.avg_pool2d(picture, times)
    return distorted(picture, drawn)


def _inside(box: Tensor, height: int, width: int) -> Tensor:
    """(B, height, width) 1 where a pixel is shown."""
    top, bottom, left, right = (side.view(-1, 1) for side in box.unbind(1))
    rows = torch.arange(height, device=box.device)
    columns = torch.arange(width, device=box.device)
    shown = ((rows >= top) & (rows < bottom))[:, :, None]
    return shown & ((columns >= left) & (columns < right))[:, None, :]


class DevicePictures:
    """The batches of a loader of placed scans, drawn on a device."""

    def __init__(self, batches: Iterable[Sample], size: ImageSize, device: torch.device) -> None:
        self.batches, self.size, self.device = batches, size, device

    def __iter__(self) -> Iterator[Sample]:
        for placed, labels in self.batches:
            yield Sample(draw(placed, self.size, self.device), labels)
