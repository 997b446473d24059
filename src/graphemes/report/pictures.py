"""Pictures within a page: scans cut to their ink, and where a network looks, as data addresses.

H x W pixels.
"""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.images.ink import ink_box
from graphemes.inference.grad_cam import Heat
from graphemes.pipeline.training_data import TrainingData

Grey = npt.NDArray[np.uint8]
TALLEST = 96  # pixels of a scan in a page: three times as large as it is shown on a phone
_AIR = 6  # pixels of paper around the ink
_QUALITY = 72  # of WebP: strokes stay clean
ENLARGED = 160  # pixels of a side of what a network saw


class ScanPictures:
    """The scans of a run's images, by id; those of other data are None."""

    def __init__(self, data: TrainingData) -> None:
        self._pixels = data.store.pixels
        self._rows = {name: row for row, name in enumerate(data.store.ids)}

    def scan(self, image_id: str) -> Grey | None:
        """(137, 236) uint8, 255 paper .. 0 ink."""
        row = self._rows.get(image_id)
        return None if row is None else np.asarray(self._pixels[row])

    def address(self, image_id: str) -> str | None:
        """A scan cut to its ink."""
        scan = self.scan(image_id)
        return None if scan is None else webp(cut(scan))

    def addresses(self, image_ids: Sequence[str]) -> list[str]:
        """Of those that are here."""
        found = (self.address(name) for name in image_ids)
        return [address for address in found if address is not None]


def cut(scan: Grey) -> Grey:
    """The part of a scan around its ink, no taller than a page needs."""
    box = ink_box(scan)
    top, left = max(0, box.top - _AIR), max(0, box.left - _AIR)
    part = scan[top : box.bottom + _AIR, left : box.right + _AIR]
    if part.shape[0] > TALLEST:
        size = (max(1, round(part.shape[1] * TALLEST / part.shape[0])), TALLEST)
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    return part


def seen(ink: npt.NDArray[np.float32]) -> str:
    """What a network saw: (H, W), 0 paper .. 1 ink."""
    return webp(_enlarged(np.rint(255 * (1 - ink)).astype(np.uint8)))


def looked(ink: npt.NDArray[np.float32], heat: Heat) -> str:
    """The same with where it looked, from nothing to orange; both (H, W)."""
    paper = _enlarged(np.rint(255 * (1 - ink)).astype(np.uint8)).astype(np.float32)[:, :, None]
    size = (paper.shape[1], paper.shape[0])
    share = cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR)[:, :, None] * 0.75
    orange = np.array([0, 110, 245], np.float32)  # blue, green, red
    # Strokes stay darker than what they lie on.
    mixed = paper * (1 - share) + orange * share * (0.35 + 0.65 * paper / 255)
    return webp(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


def _enlarged(picture: Grey) -> Grey:
    height, width = picture.shape
    times = ENLARGED / max(height, width)
    size = (max(1, round(width * times)), max(1, round(height * times)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def webp(picture: Grey) -> str:
    """A picture, (H, W) or (H, W, 3), as an address that holds it."""
    _, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode()
