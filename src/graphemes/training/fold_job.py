"""What the training of one fold needs from outside.

N images of a fold.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from graphemes.evaluation.metrics import Score
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine
from graphemes.network.ranks import ALONE, Ranks
from graphemes.network.weights import WeightsRecord
from graphemes.training.class_losses import Counts
from graphemes.training.epoch import Batch
from graphemes.training.forecast import Deadline, Work


class TrainingBatches(Protocol):
    """The batches of a fold's epochs."""

    @property
    def images(self) -> int:
        """Of an epoch."""
        ...

    @property
    def steps(self) -> int:
        """Of an epoch."""
        ...

    def epoch(self, number: int, start: int = 0) -> Iterable[Batch]:
        """The batches of epoch 0, 1, ..., from step `start` on."""
        ...

    def ids(self, epoch: int, batch: int) -> list[str]:
        """Of the images in one of this process's batches."""
        ...


Validate = Callable[[nn.Module], Score]  # a network as the one that is trained


@dataclass(frozen=True)
class FoldJob:
    """What one fold's training needs from outside."""

    paths: FoldPaths  # its folder of states is there
    seeds: tuple[int, int]  # (seed, fold) of every random stream
    settings: Learning
    engine: Engine
    batches: TrainingBatches
    validate: Validate | None
    record: WeightsRecord  # of the weights, epoch and score left open
    trained_on: npt.NDArray[np.int64]  # fingerprints of the training images
    deadline: Deadline
    ranks: Ranks = ALONE
    counts: Counts | None = None  # training images of each class
    validation_images: int = 0
    to_come: int = 0  # folds that this run trains after this one
    state_every: float = 600.0  # seconds between two states of an epoch; 0: after each step
    keep_any: bool = False  # stopped before an epoch is whole: keep the weights of the last step

    @functools.cached_property
    def work(self) -> Work:
        """What its epochs cost."""
        return Work.of(self.settings, self.batches.images, self.validation_images)

    @property
    def fold(self) -> str:
        """ "0" .. or "none"."""
        return self.record.fold

    @property
    def title(self) -> str:
        """Of its curves."""
        return f"fold {self.fold}: {self.settings.trunk}, {self.settings.image_size}"
