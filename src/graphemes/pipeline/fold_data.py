"""The pictures of a fold in batches: those it trains on, real and synthetic, and its validation.

n validation rows of the fold.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.images.augmentation import Augmentation
from graphemes.images.dataset import JoinedDataset, Sample, StoreDataset, loader
from graphemes.images.device_pictures import DevicePictures, placed_scan
from graphemes.images.sampling import Batches, MixedBatches, RankBatches, SampleKey
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.network.ranks import ALONE, Ranks
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData
from graphemes.training.class_losses import Counts, class_counts


@dataclass(frozen=True)
class EpochLoader:
    """The training batches of a fold: one loader, whose sampler is told the epoch.

    The loader gives this process's part of the sampler's batches, which are the steps of all.
    """

    loader: Iterable[Sample]
    sampler: Batches | MixedBatches

    @property
    def images(self) -> int:
        """Of an epoch."""
        return self.sampler.images

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self.sampler)

    @property
    def synthetic_passes(self) -> int:
        """How many of the pictures of all epochs are synthetic."""
        return sum(self.sampler.synthetic) if isinstance(self.sampler, MixedBatches) else 0

    @property
    def synthetic_share(self) -> float:
        """Of the pictures of all epochs."""
        if not isinstance(self.sampler, MixedBatches):
            return 0.0
        return self.synthetic_passes / (self.images * len(self.sampler.synthetic))

    def epoch(self, number: int) -> Iterable[Sample]:
        """The batches of epoch 0, 1, ..."""
        self.sampler.epoch = number
        return self.loader


@dataclass(frozen=True)
class FoldData:
    """One fold's rows, as batches of pictures."""

    settings: TrainSettings
    data: TrainingData
    rows: FoldRows
    seeds: tuple[int, int]  # (seed, fold)
    device: torch.device
    ranks: Ranks = ALONE

    def training(self) -> EpochLoader:
        """The augmented pictures."""
        s = self.settings
        compose = make_transform(s.image_size, s.crop, Augmentation.of(s))
        draw = placed_scan if s.augment == "device" else apply_transform
        parts: list[StoreDataset] = []
        for data in (self.data, self.data.synthetic):
            if data is not None:
                first = sum(len(part.pixels) for part in parts)
                pixels, frames, labels = data.store.pixels, data.store.frames, data.by_row
                part = StoreDataset(
                    pixels, frames, compose, labels, self.seeds, first=first, draw=draw
                )
                parts.append(part)
        sampler = self._sampler()
        own = RankBatches(sampler, self.ranks.rank, self.ranks.size, s.accumulate)
        batches = self._loader(parts[0] if len(parts) == 1 else JoinedDataset(*parts), own)
        if s.augment == "device":
            batches = DevicePictures(batches, s.image_size, self.device)
        return EpochLoader(batches, sampler)

    def class_counts(self, synthetic: float) -> Counts:
        """(C,) of each head: its training images by class, so large a share shown being synthetic.

        By how often a class is shown: synthetic rows are more or less often shown than real ones.
        """
        parts = [(1 - synthetic, self.data.by_row.map(lambda column: column[self.rows.trained]))]
        if self.data.synthetic is not None:
            own = self.rows.synthetic - len(self.data.store.ids)
            labels = self.data.synthetic.by_row.map(lambda column: column[own])
            parts.append((synthetic, labels))
        return class_counts(parts)

    @functools.cached_property
    def validation(self) -> Iterable[Sample]:
        """This process's validation pictures as they are, in order: one loader, whose workers stay.

        The parts of the processes, by rank, are all of them in order.
        """
        compose = make_transform(self.settings.image_size, self.settings.crop)
        store = self.data.store
        scans = StoreDataset(store.pixels, store.frames, compose, self.data.by_row)
        return self._loader(scans, Batches(self.validated_here, 2 * self.settings.batch_size))

    @property
    def validated_here(self) -> npt.NDArray[np.int64]:
        """The validation rows of this process."""
        return np.array_split(self.rows.validated, self.ranks.size)[self.ranks.rank]

    @property
    def truth(self) -> PerHead[Any]:
        """PerHead[(n,)] labels of the validation pictures."""
        return self.data.by_row.map(lambda column: column[self.rows.validated])

    def _sampler(self) -> Batches | MixedBatches:
        s, rows = self.settings, self.rows
        parts = self.ranks.size * s.accumulate
        if s.synthetic_share is None:
            return Batches(rows.trained, parts * s.batch_size, self.seeds, parts)
        return MixedBatches(
            rows.trained,
            rows.synthetic,
            parts * s.batch_size,
            share=s.synthetic_share,
            epochs=s.epochs,
            seeds=self.seeds,
            parts=parts,
        )

    def _loader(
        self, scans: StoreDataset | JoinedDataset, batches: Sampler[list[SampleKey]]
    ) -> Iterable[Sample]:
        sharing = self.ranks.local_size
        return loader(scans, batches, self.settings.workers, self.device, sharing=sharing)
