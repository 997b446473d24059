"""The pictures of a fold: those it trains on, real and synthetic, and those it is validated on.

n rows of a part.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from graphemes.commands.preparation import TrainingData
from graphemes.commands.splitting import FoldRows
from graphemes.competition.labels import grapheme_codes
from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.images.dataset import Address, Batches, Joined, Pictures, Sample, loader
from graphemes.images.decks import MixedBatches
from graphemes.images.transforms import Augmentation, pictures
from graphemes.network.devices import loader_workers
from graphemes.network.weights import is_ours, trained_on


@dataclass(frozen=True)
class FoldPictures:
    """The pictures of one fold's rows."""

    settings: TrainSettings
    data: TrainingData
    rows: FoldRows
    seeds: tuple[int, int]  # (seed, fold)
    device: torch.device

    def batches(self) -> Batches | MixedBatches:
        """Which rows are trained on in which step of an epoch."""
        s, rows = self.settings, self.rows
        if s.synthetic_share is None:
            return Batches(rows.trained, s.batch_size, self.seeds)
        return MixedBatches(
            rows.trained,
            rows.synthetic,
            s.batch_size,
            share=s.synthetic_share,
            epochs=s.epochs,
            place=self.seeds,
        )

    def training(self, batches: Batches | MixedBatches) -> Iterable[Sample]:
        """The moved pictures of the epoch that `batches` is set to."""
        s = self.settings
        moves = Augmentation(s.shift, s.scale, s.rotate, s.shear)
        compose = pictures(s.image_size, s.crop, moves)
        real = Pictures(self.data.store.pixels, compose, self.data.by_row, self.seeds)
        if self.data.synthetic is None:
            return self._loader(real, batches)
        pixels, labels = self.data.synthetic.store.pixels, self.data.synthetic.by_row
        drawn = Pictures(pixels, compose, labels, self.seeds, first=len(real.pixels))
        return self._loader(Joined(real, drawn), batches)

    def validation(self) -> Iterable[Sample]:
        """The validation pictures as they are, in order."""
        compose = pictures(self.settings.image_size, self.settings.crop)
        scans = Pictures(self.data.store.pixels, compose, self.data.by_row)
        return self._loader(scans, Batches(self.rows.validated, 2 * self.settings.batch_size))

    def _loader(
        self, scans: Pictures | Joined, batches: Sampler[list[Address]]
    ) -> Iterable[Sample]:
        workers = loader_workers(self.settings.workers, self.device)
        return loader(scans, batches, workers, pin=self.device.type == "cuda")

    @property
    def truth(self) -> PerHead[Any]:
        """PerHead[(n,)] labels of the validation pictures."""
        return self.data.by_row.map(lambda column: column[self.rows.validated])

    def marks(self) -> npt.NDArray[np.int64]:
        """Marks of every image these weights may see, those of init's training too."""
        marks = self.data.store.marks[self.rows.trained]
        for others in (self._synthetic_marks(), self._init_marks()):
            if len(others):
                marks = np.union1d(marks, others)
        return marks

    def seen(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a validation picture's grapheme is in the fold's real training part.

        Or in that of init. Drawings don't make a grapheme seen: what they are worth on graphemes
        that no real image shows is what is asked.
        """
        codes = grapheme_codes(self.data.by_row)
        real = codes[self.rows.real]
        if self.settings.init:
            inside = np.isin(self.data.store.marks[self.data.rows], self._init_marks())
            real = np.union1d(real, codes[self.data.rows[inside]])
        return np.isin(codes[self.rows.validated], real)

    def seen_by_init(self) -> int:
        """How many validation images init's weights were trained on."""
        return self._validated_among(self._init_marks())

    def among_synthetic(self) -> int:
        """How many validation images are, pixel for pixel, synthetic ones too."""
        return self._validated_among(self._synthetic_marks())

    def _validated_among(self, marks: npt.NDArray[np.int64]) -> int:
        return int(np.isin(self.data.store.marks[self.rows.validated], marks).sum())

    def _synthetic_marks(self) -> npt.NDArray[np.int64]:
        if self.data.synthetic is None:
            return np.empty(0, np.int64)
        return self.data.synthetic.store.marks[self.data.synthetic.rows]

    def _init_marks(self) -> npt.NDArray[np.int64]:
        init = self.settings.init
        return trained_on(init) if init and is_ours(init) else np.empty(0, np.int64)

    def described(self, batches: Batches | MixedBatches) -> str:
        """'2,400 training and 600 validation images', and what of synthetic ones."""
        rows = self.rows
        text = f"{len(rows.trained):,} training and {len(rows.validated):,} validation images"
        if self.data.synthetic is None:
            return text
        share = f"share {self.settings.synthetic_share} of {batches.images:,} pictures an epoch"
        return f"{text}, plus {len(rows.synthetic):,} synthetic, {share}"

    def synthetic_passes(self) -> int:
        """How many of the pictures of all epochs are synthetic."""
        batches = self.batches()
        return sum(batches.synthetic) if isinstance(batches, MixedBatches) else 0

    def warnings(self) -> list[str]:
        """Why the score will be too high, if it will."""
        found = []
        of = f"of the {len(self.rows.validated):,} validation images"
        if seen := self.seen_by_init():
            found.append(
                f"WARNING: init={self.settings.init} was trained on {seen:,} {of}:"
                " the score will be too high"
            )
        if seen := self.among_synthetic():
            found.append(
                f"WARNING: {seen:,} {of} are among the synthetic ones: the score will be too high"
            )
        return found
