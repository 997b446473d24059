"""Decks: rows dealt in shuffled rounds that go on over the epochs, and epochs mixed of two decks.

n rows of a deck, B pictures of a batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from graphemes.foundation.seeds import stream
from graphemes.foundation.settings.types import Share
from graphemes.images.dataset import Address

# Streams at (seed, fold, round or epoch, 0, one of these): longer than any picture's address, so
# that no two are one. Real rows are shuffled at (seed, fold, round), where an epoch without
# synthetic ones is shuffled.
_SYNTHETIC, _MIXED = 1, 2


@dataclass(frozen=True)
class Deck:
    """Rows that are dealt without end: all in an order by chance, then all in another.

    So each has been dealt as often as any other, give or take once, wherever one stops.
    """

    rows: npt.NDArray[np.int64]  # (n,)
    place: tuple[int, int]  # (seed, fold)
    kind: tuple[int, ...] = ()  # ends the address of each round's shuffle

    def deal(self, start: int, count: int) -> list[Address]:
        """The cards from the `start`th on, as (round, row): in each round a row comes once."""
        if not count:
            return []
        n = len(self.rows)
        first, last = start // n, (start + count - 1) // n
        rounds = range(first, last + 1)
        cards = [(round_, int(row)) for round_ in rounds for row in self.order(round_)]
        return cards[start - first * n :][:count]

    def order(self, round_: int) -> npt.NDArray[np.int64]:
        """(n,) the rows in a round's order."""
        return stream(*self.place, round_, *self.kind).permutation(self.rows)


class MixedBatches(Sampler[list[Address]]):
    """Batches of real and synthetic rows, by (seed, fold, epoch) alone.

    An epoch has as many pictures as there are real rows, less what fills no batch (or, where the
    share is 1 throughout, as many as there are synthetic ones), and round(share x pictures) of them
    are synthetic: in every batch as many as in any other, give or take one. An address is (round of
    its deck, row), so a row that comes twice in an epoch is moved differently each time.
    """

    def __init__(
        self,
        real: npt.NDArray[np.int64],
        synthetic: npt.NDArray[np.int64],
        size: int,
        *,
        share: Share,
        epochs: int,
        place: tuple[int, int],
    ) -> None:
        rows = len(synthetic if share.whole else real)
        self.size = min(size, rows)  # fewer than a batch are one batch
        self.images = rows // self.size * self.size  # of an epoch
        self.synthetic = [
            round(share.at(epoch, epochs) * self.images) for epoch in range(epochs)
        ]  # of each epoch
        self.place = place
        self.decks = Deck(real, place), Deck(synthetic, place, (0, _SYNTHETIC))
        self.epoch = 0

    def __iter__(self) -> Iterator[list[Address]]:
        drawn, before = self.synthetic[self.epoch], sum(self.synthetic[: self.epoch])
        cards = (
            iter(self.decks[0].deal(self.epoch * self.images - before, self.images - drawn)),
            iter(self.decks[1].deal(before, drawn)),
        )
        for kinds in self._kinds(drawn):
            yield [next(cards[kind]) for kind in kinds]

    def _kinds(self, drawn: int) -> npt.NDArray[np.int64]:
        """(batches, B): 1 where a picture is synthetic, `drawn` times in all."""
        spread = np.diff(np.arange(self.images + 1) * drawn // self.images)
        mixed = stream(*self.place, self.epoch, 0, _MIXED)
        return mixed.permuted(spread.reshape(len(self), self.size), axis=1)

    def __len__(self) -> int:
        return self.images // self.size
