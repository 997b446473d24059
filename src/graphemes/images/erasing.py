"""Erasing: paper over a part of a training picture, in one box or in a grid of holes."""

import math

import numpy as np

from graphemes.foundation.settings.types import ImageSize
from graphemes.images.albumentations_library import A
from graphemes.images.distortions import PAPER, Distortion, Params

_RATIO = 3.3  # of a box's sides, at most


class Erasing(Distortion, A.CoarseDropout):  # type: ignore[misc]
    """One hole of paper, its area and the ratio of its sides as in Zhong et al. 2017."""

    number = 6

    def __init__(self, area: tuple[float, float], p: float) -> None:
        super().__init__(fill=PAPER, p=p)
        self.area = area

    def most_holes(self, size: ImageSize) -> int:
        """Of any picture of this size."""
        return 1

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """{holes: (1, 4) left, top, right, bottom in pixels}."""
        height, width = params["shape"][:2]
        numbers = self.random_generator
        area = numbers.uniform(*self.area) * height * width
        ratio = math.exp(numbers.uniform(-math.log(_RATIO), math.log(_RATIO)))
        high = min(height, math.sqrt(area * ratio))
        wide = min(width, area / high)
        # Rounded down: a hole is no larger than was said.
        high, wide = int(min(height, area / wide)), int(wide)
        top, left = numbers.integers(height - high + 1), numbers.integers(width - wide + 1)
        return {"holes": np.array([[left, top, left + wide, top + high]]), "seed": 0}


class GridErasing(Distortion, A.GridDropout):  # type: ignore[misc]
    """A hole of paper in each cell of a grid: after Chen et al. 2020 (arXiv:2001.04086)."""

    number = 6

    def most_holes(self, size: ImageSize) -> int:
        """Of any picture of this size."""
        least: int = self.unit_size_range[0]
        return (size.height // least) * (size.width // least)
