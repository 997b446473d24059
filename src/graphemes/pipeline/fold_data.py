"""The pictures of a fold in batches: those it trains on, of all kinds, and its validation.

n validation rows of the fold.
"""

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from graphemes.foundation.heads import PerHead
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.augmentation import Augmentation
from graphemes.images.dataset import JoinedDataset, Sample, StoreDataset, loader
from graphemes.images.device_pictures import DevicePictures, placed_scan
from graphemes.images.sampling import Batches, MixedBatches, RankBatches, SampleKey
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.network.ranks import ALONE, Ranks
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData
from graphemes.training.class_losses import Counts, class_counts
from graphemes.training.phases import training_size


class EpochLoader:
    """The training batches of a fold: one loader at a time, whose sampler is told the epoch.

    The loader gives this process's part of the sampler's batches, which are the steps of all. Where
    the pictures' size changes there is a new one, with new workers.
    """

    def __init__(
        self,
        sampler: Batches | MixedBatches,
        size_at: Callable[[int], ImageSize],  # of an epoch's pictures
        make: Callable[[ImageSize], Iterable[Sample]],
        ids: Callable[[int], list[str]],  # of this process's batch of so high a number
    ) -> None:
        self.sampler, self.size_at, self.make, self.batch_ids = sampler, size_at, make, ids
        self.size = size_at(0)
        self.loader: Iterable[Sample] | None = make(self.size)

    @property
    def images(self) -> int:
        """Of an epoch."""
        return self.sampler.images

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self.sampler)

    def synthetic_passes(self, epochs: int) -> int:
        """How many of the pictures of the first so many epochs are synthetic."""
        if not isinstance(self.sampler, MixedBatches):
            return 0
        return sum(self.sampler.synthetic[:epochs])

    @property
    def synthetic_share(self) -> float:
        """Of the pictures of all epochs."""
        if not isinstance(self.sampler, MixedBatches):
            return 0.0
        epochs = len(self.sampler.synthetic)
        return self.synthetic_passes(epochs) / (self.images * epochs)

    def epoch(self, number: int, start: int = 0) -> Iterable[Sample]:
        """The batches of epoch 0, 1, ..., from step `start` on."""
        self.sampler.epoch, self.sampler.start = number, start
        if self.loader is None or self.size_at(number) != self.size:
            self.loader = None  # first: its workers and their batches go before there are others
            self.size = self.size_at(number)
            self.loader = self.make(self.size)
        return self.loader

    def ids(self, epoch: int, batch: int) -> list[str]:
        """Of the images in one of this process's batches."""
        self.sampler.epoch, self.sampler.start = epoch, 0
        return self.batch_ids(batch)


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
        sampler = self._sampler()
        size_at = functools.partial(training_size, self.settings)
        make = functools.partial(self._training_loader, sampler)
        return EpochLoader(sampler, size_at, make, functools.partial(self._batch_ids, sampler))

    def _own(self, sampler: Batches | MixedBatches) -> RankBatches:
        return RankBatches(sampler, self.ranks.rank, self.ranks.size, self.settings.accumulate)

    def _batch_ids(self, sampler: Batches | MixedBatches, number: int) -> list[str]:
        ids = [name for part in self.data.parts for name in part.store.ids]
        keys = next(itertools.islice(self._own(sampler), number, None))
        return [ids[row] for _, row in keys]

    def _training_loader(
        self, sampler: Batches | MixedBatches, size: ImageSize
    ) -> Iterable[Sample]:
        s = self.settings
        compose = make_transform(size, s.crop, Augmentation.of(s))
        draw = placed_scan if s.augment == "device" else apply_transform
        parts: list[StoreDataset] = []
        for data in self.data.parts:
            first = sum(len(part.pixels) for part in parts)
            store, labels = data.store, data.by_row
            part = StoreDataset(
                store.pixels,
                store.frames,
                compose,
                labels,
                self.seeds,
                first=first,
                draw=draw,
                fingerprints=store.fingerprints,
            )
            parts.append(part)
        own = self._own(sampler)
        batches = self._loader(parts[0] if len(parts) == 1 else JoinedDataset(*parts), own)
        if s.augment == "device":
            return DevicePictures(batches, size, self.device)
        return batches

    def class_counts(self, synthetic: float) -> Counts:
        """(C,) of each head: its training images by class, so large a share shown being synthetic.

        By how often a class is shown: synthetic rows are more or less often shown than real and
        pseudo-labelled ones.
        """
        rows = ((1 - synthetic, self.rows.shuffled), (synthetic, self.rows.synthetic))
        return class_counts([(share, self._labels(part)) for share, part in rows])

    def _labels(self, rows: npt.NDArray[np.int64]) -> PerHead[npt.NDArray[np.int64]]:
        """PerHead[(n,)] labels of rows of any of the data's parts."""
        columns = zip(*(part.by_row for part in self.data.parts), strict=True)
        return PerHead(*(np.concatenate(column)[rows] for column in columns))

    @functools.cached_property
    def validation(self) -> Iterable[Sample]:
        """This process's validation pictures as they are, in order: one loader, whose workers stay.

        The parts of the processes, by rank, are all of them in order.
        """
        compose = make_transform(self.settings.image_size, self.settings.crop)
        store = self.data.store
        labels, known = self.data.by_row, store.fingerprints
        scans = StoreDataset(store.pixels, store.frames, compose, labels, fingerprints=known)
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
            return Batches(rows.shuffled, parts * s.batch_size, self.seeds, parts)
        return MixedBatches(
            rows.shuffled,
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
