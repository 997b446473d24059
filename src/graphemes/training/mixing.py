"""Mixing: each image of a batch with another of it; the labels of both, by what is left of each.

Every kind is a function of a batch and a random stream. What it draws it draws for each image by
itself, on the CPU, so that a batch is mixed alike on any device; pixels are mixed where they are.
B images, H x W pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphemes.foundation.arrays import Floats, Integers
from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import Mix

Labels = PerHead[Tensor]  # (B,) of each head


class MixedLabels(NamedTuple):
    """Two labels of each head for each image, and how much of the image is of the first."""

    own: Labels
    partner: Labels
    share: Tensor  # (B,) float32, of the own


Mixed = tuple[Tensor, MixedLabels]  # ink (B, 1, H, W) and its labels
Kind = Callable[[Tensor, Labels, np.random.Generator, float], Mixed]


@dataclass(frozen=True)
class Mixing:
    """Mixes some of a training's batches, as its settings say."""

    kind: Mix
    share: float  # of the batches
    alpha: float
    until: float  # share of the training

    def __call__(
        self, ink: Tensor, labels: Labels, random: np.random.Generator, done: float
    ) -> tuple[Tensor, Labels | MixedLabels]:
        """A batch, mixed or as it was; done: the share of the training's steps before this one."""
        if done >= self.until or random.random() >= self.share:
            return ink, labels
        kind = ("cutmix", "mixup")[random.integers(2)] if self.kind == "any" else self.kind
        return KINDS[kind](ink, labels, random, self.alpha)


def make_mixing(settings: Learning) -> Mixing | None:
    """What the settings ask for; None where nothing is ever mixed."""
    if settings.mix == "none":
        return None
    return Mixing(settings.mix, settings.mix_share, settings.mix_alpha, settings.mix_until)


def mixup(ink: Tensor, labels: Labels, random: np.random.Generator, alpha: float) -> Mixed:
    """Both images laid over each other: Zhang et al. 2017 (arXiv:1710.09412)."""
    pairs = _pairs(ink, random)
    share = _like(random.beta(alpha, alpha, len(ink)), ink)
    return torch.lerp(ink[pairs], ink, share[:, None, None, None]), _mixed(labels, pairs, share)


def cutmix(ink: Tensor, labels: Labels, random: np.random.Generator, alpha: float) -> Mixed:
    """A rectangle from the partner's same place: Yun et al. 2019 (arXiv:1905.04899)."""
    pairs, (height, width) = _pairs(ink, random), ink.shape[-2:]
    shares = random.beta(alpha, alpha, len(ink))
    centres = random.integers([[height], [width]], size=(2, len(ink)))
    boxes = cut_boxes(shares, centres, height, width)
    inside = _inside(boxes[:2], height, ink)[:, :, None] & _inside(boxes[2:], width, ink)[:, None]
    mixed = _where(inside, ink[pairs], ink)
    return mixed, _mixed(labels, pairs, _like(own_shares(boxes, height, width), ink))


def fmix(ink: Tensor, labels: Labels, random: np.random.Generator, alpha: float) -> Mixed:
    """Patches without corners, from Fourier noise: Harris et al. 2020 (arXiv:2002.12047)."""
    pairs, (height, width) = _pairs(ink, random), ink.shape[-2:]
    own = fourier_masks(random.beta(alpha, alpha, len(ink)), random, height, width, ink.device)
    mixed = _where(own, ink, ink[pairs])
    return mixed, _mixed(labels, pairs, own.float().mean((1, 2)))


def resizemix(ink: Tensor, labels: Labels, random: np.random.Generator, _alpha: float) -> Mixed:
    """The whole partner, made small: Qin et al. 2020 (arXiv:2012.11101), its sides 0.1 to 0.8."""
    pairs, (height, width) = _pairs(ink, random), ink.shape[-2:]
    scales = random.uniform(0.1, 0.8, len(ink))
    tall, wide = (np.maximum(1, (scales * side).astype(np.int64)) for side in (height, width))
    top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
    boxes = np.stack([top, top + tall, left, left + wide])
    inside = _inside(boxes[:2], height, ink)[:, :, None] & _inside(boxes[2:], width, ink)[:, None]
    small = shrinking(boxes[:2], height, ink) @ ink[pairs, 0] @ shrinking(boxes[2:], width, ink).mT
    mixed = _where(inside, small[:, None], ink)
    return mixed, _mixed(labels, pairs, _like(own_shares(boxes, height, width), ink))


# By the word of mix=.
KINDS: dict[str, Kind] = {
    "mixup": mixup,
    "cutmix": cutmix,
    "fmix": fmix,
    "resizemix": resizemix,
}


def cut_boxes(shares: Floats, centres: Integers, height: int, width: int) -> Integers:
    """(4, B) top, bottom, left, right of rectangles that leave their image these shares (B,).

    centres: (2, B) rows and columns; what lies beyond the border is clipped.
    """
    sides = (np.sqrt(1 - shares) * np.array([[height], [width]])).astype(np.int64)
    edges = [centres - sides // 2, centres + (sides + 1) // 2]
    edges = [np.clip(edge, 0, [[height], [width]]) for edge in edges]
    return np.stack(edges, axis=1).reshape(4, -1)


def own_shares(boxes: Integers, height: int, width: int) -> Floats:
    """(B,) what rectangles (4, B) really leave of their images."""
    top, bottom, left, right = boxes
    return np.asarray(1 - (bottom - top) * (right - left) / (height * width))


def fourier_masks(
    shares: Floats, random: np.random.Generator, height: int, width: int, device: torch.device
) -> Tensor:
    """(B, H, W) bool, true in these shares (B,) of the pixels: where low-frequency noise is high.

    The noise's amplitude falls with the cube of the frequency, as the authors have it.
    """
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    amplitude = np.maximum(frequencies, 1 / max(height, width)) ** -3.0
    drawn = random.standard_normal((len(shares), *amplitude.shape, 2), np.float32)
    drawn *= amplitude.astype(np.float32)[..., None]
    spectrum = torch.view_as_complex(torch.from_numpy(drawn).to(device))
    order = torch.fft.irfft2(spectrum, s=(height, width)).flatten(1).argsort(1, descending=True)
    count = _like(np.rint(shares * height * width), order)
    first = torch.arange(height * width, device=device) < count[:, None]
    return torch.empty_like(first).scatter_(1, order, first).reshape(-1, height, width)


def shrinking(edges: Integers, side: int, ink: Tensor) -> Tensor:
    """(B, side, side) matrices that shrink a side to what is between two edges (2, B), by area.

    A row is a pixel of the result, the mean of what it covers; what rows outside are is left open.
    """
    first, last = (_like(edge, ink)[:, None, None] for edge in edges)
    pixels = torch.arange(side, device=ink.device, dtype=ink.dtype)
    covered = side / (last - first)  # pixels that one of the result covers
    start = (pixels[:, None] - first) * covered
    overlap = torch.minimum(start + covered, pixels + 1) - torch.maximum(start, pixels)
    return overlap.clamp(min=0) / covered


def _pairs(ink: Tensor, random: np.random.Generator) -> Tensor:
    """(B,) each image's partner: a permutation, so that each is one partner."""
    return torch.from_numpy(random.permutation(len(ink))).to(ink.device)


def _mixed(labels: Labels, pairs: Tensor, share: Tensor) -> MixedLabels:
    return MixedLabels(labels, labels.map(lambda column: column[pairs]), share)


def _inside(edges: Integers, side: int, ink: Tensor) -> Tensor:
    """(B, side) bool: between two edges (2, B)."""
    first, last = (_like(edge, ink)[:, None] for edge in edges)
    pixels = torch.arange(side, device=ink.device)
    return (pixels >= first) & (pixels < last)


def _where(mask: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """(B, 1, H, W) of one where the mask (B, H, W) is true, else of the other; laid out as ink is.

    By itself torch would lay it out as the mask.
    """
    return torch.where(mask[:, None], one, other, out=torch.empty_like(other))


def _like(values: Floats | Integers, other: Tensor) -> Tensor:
    """The values, of another's type and where it is."""
    return torch.from_numpy(values).to(other.device, other.dtype)
