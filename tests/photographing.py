"""Pictures of paper made of scans, and how alike two pictures of writing are."""

from pathlib import Path

import cv2
import numpy as np

from graphemes.competition.shards import decode, open_shard
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.transforms import apply_transform, make_transform


def scans_of(shard_path: Path) -> np.ndarray:
    """(N, 137, 236) of a shard."""
    with open_shard(shard_path) as shard:
        pixels = np.empty((shard.rows, PIXELS), np.uint8)
        decode(shard, pixels)
    return pixels.reshape(-1, HEIGHT, WIDTH)


def seen(scan: np.ndarray) -> np.ndarray:
    """What a network sees of a scan, (32, 32)."""
    return apply_transform(make_transform(ImageSize(32, 32), "ink"), scan)[0].numpy()


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def photographed(scan: np.ndarray, seed: int) -> np.ndarray:
    """A sheet of paper in uneven light with the scan's writing somewhere on it, (900, 1200, 3)."""
    random = np.random.default_rng(seed)
    large = cv2.resize(scan, (WIDTH * 3, HEIGHT * 3), interpolation=cv2.INTER_CUBIC)
    paper = np.full((900, 1200), 255, np.float32)
    top, left = random.integers(50, 400), random.integers(50, 450)
    paper[top : top + HEIGHT * 3, left : left + WIDTH * 3] = large
    down, across = np.mgrid[0:1:900j, 0:1:1200j]
    light = 0.55 + 0.35 * (down * random.uniform(-1, 1) + across * random.uniform(-1, 1))
    noisy = paper * np.clip(light, 0.3, 1) + random.normal(0, 3, paper.shape)
    grey = np.clip(noisy, 0, 255)
    return np.stack([grey, grey * 0.95, grey * 0.8], axis=2).astype(np.uint8)  # lamp light


def small_and_grainy(scan: np.ndarray, seed: int) -> np.ndarray:
    """A scan as large as it is somewhere on a sheet, half in the dark: (600, 800)."""
    random = np.random.default_rng(seed)
    paper = np.full((600, 800), 235, np.float32)
    top, left = random.integers(0, 600 - HEIGHT), random.integers(0, 800 - WIDTH)
    paper[top : top + HEIGHT, left : left + WIDTH] *= scan / 255
    down, across = np.mgrid[0:1:600j, 0:1:800j]
    lit = paper * (0.45 + 0.55 * (0.6 * across + 0.4 * down))
    return np.clip(lit + random.normal(0, 6, paper.shape), 0, 255).astype(np.uint8)


CHANGED = {
    "photographed": photographed,
    "small and grainy": small_and_grainy,
    "small, light on dark": lambda scan, seed: 255 - small_and_grainy(scan, seed),
    "light on dark": lambda scan, seed: 255 - photographed(scan, seed),
    "half its size": lambda scan, _: cv2.resize(scan, None, fx=0.5, fy=0.5),
    "cut at its ink": lambda scan, _: cut(scan),
    "faint": lambda scan, _: (200 - (255 - scan.astype(int)) // 3).astype(np.uint8)[:136],
}


def cut(scan: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(scan < 128)
    return scan[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
