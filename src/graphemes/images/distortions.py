"""What is drawn on training pictures after they are framed and moved: bent, bolder, fainter.

Each is albumentations', of a picture (H, W, 1) uint8, 255 paper .. 0 ink, and leaves paper white.
"""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from graphemes.foundation.seeds import DISTORTED, DISTORTION
from graphemes.images.albumentations_library import A

PAPER = 255
Picture = npt.NDArray[np.uint8]  # (H, W, 1)
Params = dict[str, Any]

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
FIELD = 16  # points that displacements are known at, in each direction


class Distortion(A.BasicTransform):  # type: ignore[misc]
    """Draws from streams of its own, of the picture's seed and its number alone.

    Whatever else is switched on, a picture gets the same of it. Compose gives one seed to all: left
    with that they would choose the same pictures.
    """

    number: int

    def set_random_seed(self, seed: int | None) -> None:
        """Seed the choice of pictures."""
        if seed is None:
            super().set_random_seed(None)
        else:  # without numpy's generator, which takes the longest to make: few pictures need it
            self.seed, self.py_random = seed, DISTORTED.random(seed, self.number)

    def should_apply(self, force_apply: bool = False) -> bool:
        """Whether this picture is distorted: those of a smaller share are among a larger one's."""
        chosen: bool = self.py_random.random() < self.p or force_apply
        if chosen and self.seed is not None:
            self.random_generator = DISTORTION.stream(self.seed, self.number)
        return chosen


class Elastic(Distortion, A.ElasticTransform):  # type: ignore[misc]
    """Every pixel is displaced, smoothly: Simard et al. 2003.

    The displacements are the library's of FIELD x FIELD points, enlarged: a picture is bent alike
    at any size, and the number of pixels costs nothing.
    """

    number = 1

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """{map_x, map_y}: (H, W) float32 each."""
        height, width = params["shape"][:2]
        maps = super().get_params_dependent_on_data({"shape": (FIELD, FIELD)}, data)
        points = np.arange(FIELD, dtype=np.float32)
        aside, down = maps["map_x"] - points, maps["map_y"] - points[:, None]
        aside, down = (
            cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in (aside, down)
        )
        aside += np.arange(width, dtype=np.float32)
        down += np.arange(height, dtype=np.float32)[:, None]
        return {"map_x": aside, "map_y": down}


class Grid(Distortion, A.GridDistortion):  # type: ignore[misc]
    """The columns and rows of a grid get wider and narrower, within the picture."""

    number = 2

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """{map_x, map_y}: (H, W) float32 each."""
        # Not the library's maps: they show the last pixel of each cell twice, which makes a step in
        # every stroke that crosses it, at any strength.
        height, width = params["shape"][:2]
        across, down = self._line(width), self._line(height)
        map_x, map_y = np.meshgrid(across, down)
        return {"map_x": map_x, "map_y": map_y}

    def _line(self, length: int) -> npt.NDArray[np.float32]:
        """Where the pixels of a row or column are taken from."""
        low, high = self.distort_limit
        cells = [1 + self.py_random.uniform(low, high) for _ in range(self.num_steps)]
        edges = np.concatenate([[0.0], np.cumsum(cells)]) * (length / sum(cells))
        even = np.linspace(0, length, self.num_steps + 1)
        return np.asarray(np.interp(np.arange(length) + 0.5, even, edges) - 0.5, np.float32)


class Thickness(Distortion, A.Morphological):  # type: ignore[misc]
    """Strokes get bolder or finer, by fractions of a pixel."""

    number = 3

    def __init__(self, finer: float, bolder: float, p: float) -> None:
        super().__init__(p=p)
        self.finer, self.bolder = finer, bolder

    def get_params(self) -> Params:
        """{radius: pixels added to strokes at either side; below 0: taken off them}."""
        part = self.py_random.uniform(-1, 1)
        return {"radius": part * (self.bolder if part > 0 else self.finer)}

    def apply(self, img: Picture, radius: float, **_: Any) -> Picture:
        """(H, W, 1) uint8; a part of a pixel is the mean of the pictures before and after it."""
        self.operation = "erosion" if radius > 0 else "dilation"  # of what is light
        for step in range(math.ceil(abs(radius))):
            part = min(1.0, abs(radius) - step)
            changed = super().apply(img, kernel=CROSS)
            mixed = cv2.addWeighted(img, 1 - part, changed, part, 0)
            img = np.asarray(mixed.reshape(img.shape), np.uint8)
        return img


class Blur(Distortion, A.GaussianBlur):  # type: ignore[misc]
    """Strokes get softer, as by a coarser scanner."""

    number = 4

    def __init__(self, deviation: tuple[float, float], p: float) -> None:
        super().__init__(blur_limit=0, sigma_limit=deviation[1:] * 2, p=p)
        widest = self.get_params_dependent_on_data({}, {})["kernel"]
        self.longest_kernel = len(widest)
        self.sigma_limit = deviation


class Contrast(Distortion, A.RandomBrightnessContrast):  # type: ignore[misc]
    """Ink gets fainter or darker, as of another pen; what was paper stays."""

    number = 5

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """{alpha, beta}: of a line of grey levels, which leaves paper where it is."""
        factor = 1 + self.py_random.uniform(*self.contrast_limit)
        # The library cuts off fractions: a half more rounds, and keeps paper from being 254.
        return {"alpha": factor, "beta": PAPER * (1 - factor) + 0.5}
