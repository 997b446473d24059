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

from graphemes.competition.labels import grapheme_codes
from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.images.dataset import JoinedDataset, Sample, StoreDataset, loader, loader_workers
from graphemes.images.sampling import Batches, MixedBatches, SampleKey
from graphemes.images.transforms import Augmentation, make_transform
from graphemes.network.weights import is_ours, trained_on
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData


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
            seeds=self.seeds,
        )

    def training(self, batches: Batches | MixedBatches) -> Iterable[Sample]:
        """The moved pictures of the epoch that `batches` is set to."""
        s = self.settings
        moves = Augmentation(s.shift, s.scale, s.rotate, s.shear)
        compose = make_transform(s.image_size, s.crop, moves)
        real = StoreDataset(self.data.store.pixels, compose, self.data.by_row, self.seeds)
        if self.data.synthetic is None:
            return self._loader(real, batches)
        pixels, labels = self.data.synthetic.store.pixels, self.data.synthetic.by_row
        drawn = StoreDataset(pixels, compose, labels, self.seeds, first=len(real.pixels))
        return self._loader(JoinedDataset(real, drawn), batches)

    def validation(self) -> Iterable[Sample]:
        """The validation pictures as they are, in order."""
        compose = make_transform(self.settings.image_size, self.settings.crop)
        scans = StoreDataset(self.data.store.pixels, compose, self.data.by_row)
        return self._loader(scans, Batches(self.rows.validated, 2 * self.settings.batch_size))

    def _loader(
        self, scans: StoreDataset | JoinedDataset, batches: Sampler[list[SampleKey]]
    ) -> Iterable[Sample]:
        workers = loader_workers(self.settings.workers, self.device)
        return loader(scans, batches, workers, pin=self.device.type == "cuda")

    @property
    def truth(self) -> PerHead[Any]:
        """PerHead[(n,)] labels of the validation pictures."""
        return self.data.by_row.map(lambda column: column[self.rows.validated])

    def fingerprints(self) -> npt.NDArray[np.int64]:
        """Fingerprints of every image these weights may see, those of init's training too."""
        fingerprints = self.data.store.fingerprints[self.rows.trained]
        for others in (self._synthetic_fingerprints(), self._init_fingerprints()):
            if len(others):
                fingerprints = np.union1d(fingerprints, others)
        return fingerprints

    def seen(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a validation picture's grapheme is in the fold's real training part.

        Or in that of init. Drawings don't make a grapheme seen: what they are worth on graphemes
        that no real image shows is what is asked.
        """
        codes = grapheme_codes(self.data.by_row)
        real = codes[self.rows.real]
        if self.settings.init:
            inside = np.isin(
                self.data.store.fingerprints[self.data.rows], self._init_fingerprints()
            )
            real = np.union1d(real, codes[self.data.rows[inside]])
        return np.isin(codes[self.rows.validated], real)

    def seen_by_init(self) -> int:
        """How many validation images init's weights were trained on."""
        return self._validated_among(self._init_fingerprints())

    def among_synthetic(self) -> int:
        """How many validation images are, pixel for pixel, synthetic ones too."""
        return self._validated_among(self._synthetic_fingerprints())

    def _validated_among(self, fingerprints: npt.NDArray[np.int64]) -> int:
        return int(np.isin(self.data.store.fingerprints[self.rows.validated], fingerprints).sum())

    def _synthetic_fingerprints(self) -> npt.NDArray[np.int64]:
        if self.data.synthetic is None:
            return np.empty(0, np.int64)
        return self.data.synthetic.store.fingerprints[self.data.synthetic.rows]

    def _init_fingerprints(self) -> npt.NDArray[np.int64]:
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
