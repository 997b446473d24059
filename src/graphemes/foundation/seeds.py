"""Random streams have keys, from one table of purposes: never who drew before.

Whoever draws random numbers in a result names a purpose here. A purpose says whose seed it takes
and what stands behind the seed; the caller's numbers (fold, epoch, row) fill what is left open. Two
purposes of one seed share no key (a test says so), so no two users draw the same numbers.
"""

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np


def stream(seed: int, *key: int) -> np.random.Generator:
    """The stream of one key, e.g. stream(seed, fold, epoch)."""
    # Not default_rng([seed, *key]): numpy pads with zeros, so [7] and [7, 0] would be one stream.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def seed_at(seed: int, *key: int) -> int:
    """One 63-bit integer of a key, for libraries that take an integer."""
    return int(stream(seed, *key).integers(2**63))


@dataclass(frozen=True)
class Purpose:
    """One use of random numbers; None in its key stands for a number of the caller's."""

    # Whose seed it takes.
    of: Literal["run", "picture", "drawing", "two_sample_test", "degradation", "soak"]
    key: tuple[int | None, ...]

    def stream(self, seed: int, *numbers: int) -> np.random.Generator:
        """The stream of these numbers."""
        return stream(seed, *self._key(numbers))

    def _key(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        assert len(numbers) == self.key.count(None), f"{numbers} for {self.key}"
        left = iter(numbers)
        return tuple(next(left) if part is None else part for part in self.key)


class LibraryPurpose(Purpose):
    """A purpose whose numbers a library draws itself, from an integer.

    Its keys are apart from those of streams: what a library draws from an integer isn't what our
    streams give.
    """

    def seed(self, seed: int, *numbers: int) -> int:
        """The integer of these numbers."""
        return seed_at(seed, *self._key(numbers))


class PythonPurpose(Purpose):
    """A purpose of Python's own generator, which is made in half the time of numpy's.

    Its keys are apart from those of streams. Seed and numbers are below 2**64.
    """

    def random(self, seed: int, *numbers: int) -> random.Random:
        """The generator of these numbers."""
        whole = 1  # so that [0, 7] isn't [7]
        for number in (*self._key(numbers), seed):
            whole = whole << 64 | number
        return random.Random(whole)


# Of a run: its seed=, and its folds from 0; fold=none is NO_FOLD.
NO_FOLD = 2**16
SHUFFLE = Purpose("run", (None, None))  # fold, epoch (or round): the order of real rows
SYNTHETIC_SHUFFLE = Purpose("run", (None, None, 0, 1))  # fold, round: of synthetic ones
MIX = Purpose("run", (None, None, 0, 2))  # fold, epoch: which of a batch are synthetic
SUBSET = Purpose("run", (1, None, None))  # fold + 1, part: the rows that limit= keeps
HELD_OUT = Purpose("run", (2**16 + 1,))  # the graphemes that folds by=grapheme hold out
EXPORTED = Purpose("run", (2**16 + 2,))  # the images that an export is checked and calibrated on
MIXING = Purpose("run", (None, None, 3, None, None))  # fold, epoch, rank, batch: what is mixed
NESTED_PARTS = Purpose("run", (2**16 + 3,))  # which parts of a table judge a fitted decision
INITIAL_WEIGHTS = LibraryPurpose("run", (None,))  # fold
TORCH = LibraryPurpose("run", (None, None))  # fold, epoch: what a network draws, as dropout
TORCH_OF_RANK = LibraryPurpose("run", (None, None, 0, None))  # the same of processes from 1 on
AUGMENTATION = LibraryPurpose("run", (None, None, None))  # fold, epoch, row

# Of a training picture: the seed that AUGMENTATION gives it.
DISTORTED = PythonPurpose("picture", (None,))  # number of the distortion: whether, how far
DISTORTION = Purpose("picture", (None,))  # the same: what takes many numbers, as displacements

# Of drawings: a collection's seed=, and its parts (0 train, 1 test, 9 what is compared).
WRITER = Purpose("drawing", (0, None, None))  # part, writer
SCAN = Purpose("drawing", (1, None, None))  # part, image
GRAPHEMES = Purpose("drawing", (2, None))  # part: which are drawn, in which order
COMPARED = Purpose("drawing", (9,))  # the real images that drawings are held against
COMPARED_ORDER = Purpose("drawing", (9, 1))  # of real and drawn ones on the mixed sheet

# Of studies, each with a seed of its own.
TEST_SPLIT = Purpose("two_sample_test", (0,))  # which pictures are learned, which held out
TEST_WEIGHTS = LibraryPurpose("two_sample_test", (1,))
TEST_SHUFFLE = Purpose("two_sample_test", (2, None))  # epoch
DEGRADATION_IMAGES = Purpose("degradation", ())
DEGRADATION_SHUFFLE = Purpose("degradation", (None,))  # epoch
DEGRADATION_WEIGHTS = LibraryPurpose("degradation", (None,))  # layers
SOAK = Purpose("soak", (None,))  # attempt: the settings of a run, whose number is the seed
