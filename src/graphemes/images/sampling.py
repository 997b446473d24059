"""Which rows are shown, and when: keys of samples in batches, an epoch at a time.

n rows of a sampler, B pictures of a batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from graphemes.foundation.seeds import MIX, SHUFFLE, SYNTHETIC_SHUFFLE, Purpose
from graphemes.foundation.settings.types import Share

SampleKey = tuple[int, int]  # (epoch, or how often the row was shown before; store row)


class Batches(Sampler[list[SampleKey]]):
    """Keys of an epoch in batches: shuffled by (seed, fold, epoch), or in order without seeds.

    A last batch that isn't full is left out of training, where it would weigh too much.
    start: the batch that an epoch goes on with.
    parts: into how many equal ones a training batch can be cut.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        size: int,
        seeds: tuple[int, int] | None = None,
        parts: int = 1,
    ) -> None:
        # A training set smaller than one batch is one batch.
        fits = seeds is None or len(rows) >= size
        self.rows, self.seeds, self.size = rows, seeds, size if fits else _whole(len(rows), parts)
        self.epoch = self.start = 0

    def __iter__(self) -> Iterator[list[SampleKey]]:
        rows = self.rows
        if self.seeds is not None:
            rows = SHUFFLE.stream(*self.seeds, self.epoch).permutation(rows)
        for batch in range(self.start, len(self)):
            part = rows[batch * self.size : (batch + 1) * self.size]
            yield [(self.epoch, int(row)) for row in part]

    @property
    def images(self) -> int:
        """How many of the rows an epoch has."""
        return min(len(self.rows), len(self) * self.size)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.rows), self.size)
        return whole if rest == 0 or self.seeds is not None else whole + 1


def _whole(rows: int, parts: int) -> int:
    """How many of so few rows make a batch of equal parts."""
    return max(1, rows // parts * parts)


@dataclass(frozen=True)
class CyclingSampler:
    """Rows without end: all of them in one random order, then all in another.

    So each has been taken as often as any other, give or take once, wherever one stops.
    """

    rows: npt.NDArray[np.int64]  # (n,)
    seeds: tuple[int, int]  # (seed, fold)
    shuffle: Purpose = SHUFFLE

    def take(self, start: int, count: int) -> list[SampleKey]:
        """`count` keys from the `start`th on, as (round, row): in each round a row comes once."""
        if not count:
            return []
        n = len(self.rows)
        first, last = start // n, (start + count - 1) // n
        rounds = range(first, last + 1)
        keys = [(round_, int(row)) for round_ in rounds for row in self.order(round_)]
        return keys[start - first * n :][:count]

    def order(self, round_: int) -> npt.NDArray[np.int64]:
        """(n,) the rows in a round's order."""
        return self.shuffle.stream(*self.seeds, round_).permutation(self.rows)


class MixedBatches(Sampler[list[SampleKey]]):
    """Batches of real and synthetic rows, by (seed, fold, epoch) alone.

    An epoch has as many pictures as there are real rows, less what fills no batch (or, where the
    share is 1 throughout, as many as there are synthetic ones), and round(share x pictures) of them
    are synthetic: in every batch as many as in any other, give or take one. A key is (round of its
    sampler, row), so a row that comes twice in an epoch is augmented differently each time.
    start: the batch that an epoch goes on with.
    parts: into how many equal ones a batch can be cut.
    """

    def __init__(
        self,
        real: npt.NDArray[np.int64],
        synthetic: npt.NDArray[np.int64],
        size: int,
        *,
        share: Share,
        epochs: int,
        seeds: tuple[int, int],
        parts: int = 1,
    ) -> None:
        rows = len(synthetic if share.whole else real)
        self.size = min(size, _whole(rows, parts))  # fewer than a batch are one batch
        self.images = rows // self.size * self.size  # of an epoch
        self.synthetic = [
            round(share.at(epoch, epochs) * self.images) for epoch in range(epochs)
        ]  # of each epoch
        self.seeds = seeds
        self.samplers = (
            CyclingSampler(real, seeds),
            CyclingSampler(synthetic, seeds, SYNTHETIC_SHUFFLE),
        )
        self.epoch = self.start = 0

    def __iter__(self) -> Iterator[list[SampleKey]]:
        drawn, before = self.synthetic[self.epoch], sum(self.synthetic[: self.epoch])
        real, synthetic = self.samplers
        keys = (
            iter(real.take(self.epoch * self.images - before, self.images - drawn)),
            iter(synthetic.take(before, drawn)),
        )
        for batch, kinds in enumerate(self._kinds(drawn)):
            chosen = [next(keys[kind]) for kind in kinds]
            if batch >= self.start:
                yield chosen

    def _kinds(self, drawn: int) -> npt.NDArray[np.int64]:
        """(batches, B): 1 where a picture is synthetic, `drawn` times in all."""
        spread = np.diff(np.arange(self.images + 1) * drawn // self.images)
        mixed = MIX.stream(*self.seeds, self.epoch)
        return mixed.permuted(spread.reshape(len(self), self.size), axis=1)

    def __len__(self) -> int:
        return self.images // self.size


class RankBatches(Sampler[list[SampleKey]]):
    """One process's equal part of each batch of a sampler, cut into so many `pieces`.

    The processes together see the sampler's batches, each picture once.
    """

    def __init__(
        self, whole: Batches | MixedBatches, rank: int = 0, ranks: int = 1, pieces: int = 1
    ) -> None:
        self.whole, self.rank, self.ranks, self.pieces = whole, rank, ranks, pieces

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for batch in self.whole:
            size = len(batch) // (self.ranks * self.pieces)
            first = self.rank * self.pieces
            for piece in range(first, first + self.pieces):
                yield batch[piece * size : (piece + 1) * size]

    def __len__(self) -> int:
        return (len(self.whole) - self.whole.start) * self.pieces
