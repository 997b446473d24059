"""How training pictures are changed: how far they are moved, what share of them is distorted.

Sizes of distortions are shares of a picture's shorter side, at strength=1.
"""

import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Self

import cv2

from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import EraseKind, ImageSize
from graphemes.images.distortions import (
    FIELD,
    PAPER,
    Blur,
    Contrast,
    Distortion,
    Elastic,
    Grid,
    Thickness,
)
from graphemes.images.erasing import Erasing, GridErasing

_BENT = 0.011  # standard deviation of an elastic displacement; the greatest is about 0.045
_SMOOTH = FIELD / 12  # standard deviation, in points, of the Gaussian that smooths them
_STEPS, _UNEVEN = 5, 0.3  # a grid's cells each way, and how much wider or narrower they get
_BOLDER, _FINER = 1 / 64, 0.6 / 64  # added to a stroke at either side, and taken off it
_BLURRED = (0.4 / 64, 0.8 / 64)  # standard deviation of the Gaussian
_FAINTER, _FAINTEST = 0.4, 0.8  # less or more ink: at strength=1, and at most
# Zhong et al. 2017 (arXiv:1708.04896) erase up to 0.4; of a letter that much is often the letter.
_AREA, _MOST_AREA = (0.02, 0.25), 0.6
_HOLE, _MOST_HOLE = 0.45, 0.8  # side of a hole in a grid of them, of its cell's
_CELLS = (5, 3)  # along the shorter side, at most and at least


@dataclass(frozen=True)
class Augmentation:
    """The settings of training pictures; moves and distortions are `strength` times as large.

    A move's value is the greatest change, a distortion's the share of the pictures that have it.
    """

    shift: float  # share of the side
    scale: float  # 0.1 is 0.9 to 1.1
    rotate: float  # degrees
    shear: float  # degrees
    erase: float = 0.0
    erase_kind: EraseKind = "box"
    elastic: float = 0.0
    grid: float = 0.0
    thickness: float = 0.0
    blur: float = 0.0
    contrast: float = 0.0
    strength: float = 1.0

    @classmethod
    def of(cls, settings: Learning) -> Self:
        """What a run's settings say."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def farthest(self, move: str) -> float:
        """A move's greatest change with its strength, within the bounds of the setting."""
        limit = Learning.model_fields[move].metadata
        most: float = next(bound.le for bound in limit if hasattr(bound, "le"))
        return min(most, self.strength * float(getattr(self, move)))


def make_distortions(size: ImageSize, by: Augmentation) -> list[Distortion]:
    """Those that are switched on, in the order in which they are drawn.

    All of them on every picture take 0.4 ms of a core at 64x64, where the moves take 0.2.
    """
    if by.strength == 0:
        return []
    side, strength = min(size), by.strength
    paper = {"border_mode": cv2.BORDER_CONSTANT, "fill": PAPER}
    all_of_them: list[Distortion] = [
        Elastic(_alpha(strength * _BENT * side), _SMOOTH, p=by.elastic, **paper),
        Grid(_STEPS, min(0.9, strength * _UNEVEN), p=by.grid, **paper),
        Thickness(strength * _FINER * side, strength * _BOLDER * side, p=by.thickness),
        Blur((strength * _BLURRED[0] * side, strength * _BLURRED[1] * side), p=by.blur),
        Contrast(contrast_limit=min(_FAINTEST, strength * _FAINTER), p=by.contrast),
        _erasing(size, by),
    ]
    return [one for one in all_of_them if one.p > 0]


def _alpha(displaced: float) -> float:
    """ElasticTransform's alpha for displacements of this standard deviation in pixels.

    It divides normal numbers by the greatest of them, about the quantile that one of so many
    exceeds, and averages them by a Gaussian.
    """
    numbers = 2 * FIELD * FIELD
    greatest = NormalDist().inv_cdf(1 - 1 / (2 * numbers))
    return displaced * greatest * 2 * math.sqrt(math.pi) * _SMOOTH


def _erasing(size: ImageSize, by: Augmentation) -> Distortion:
    if by.erase_kind == "box":
        least, most = (min(_MOST_AREA, by.strength * area) for area in _AREA)
        return Erasing((least, most), p=by.erase)
    side = min(_MOST_HOLE, _HOLE * math.sqrt(by.strength))
    cell = tuple(min(size) // cells for cells in _CELLS)
    return GridErasing(side, unit_size_range=cell, fill=PAPER, p=by.erase)
