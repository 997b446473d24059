"""The three heads: what is predicted, how many classes each has, what it weighs in the score.

Nobody else writes 168, 11, 7, or the same line three times.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
U = TypeVar("U")


class PerHead(NamedTuple, Generic[T]):
    """One T for each head: labels, logits, losses and recalls all have this shape."""

    root: T
    vowel: T
    consonant: T

    def map(self, function: Callable[[T], U]) -> "PerHead[U]":
        """The same function on each head's value."""
        return PerHead(*(function(value) for value in self))


class Head(NamedTuple):
    """One of the three labels of an image."""

    name: str  # a field of PerHead
    column: str  # as in train.csv and test.csv
    classes: int
    weight: float  # in the competition's score

    @property
    def probability_column(self) -> str:
        """Its column of probabilities in an out-of-fold table."""
        return f"probability_{self.column}"


# bengaliai-cv19: class_map.csv for the classes, the Evaluation page for the weights.
HEADS = PerHead(
    root=Head("root", "grapheme_root", 168, 2.0),
    vowel=Head("vowel", "vowel_diacritic", 11, 1.0),
    consonant=Head("consonant", "consonant_diacritic", 7, 1.0),
)
WEIGHTS = PerHead(*(head.weight for head in HEADS))
COLUMNS = [head.column for head in HEADS]
CLASSES = sum(head.classes for head in HEADS)  # 186
HEIGHT, WIDTH = 137, 236  # pixels of a scan
PIXELS = HEIGHT * WIDTH


def weighted_mean(values: PerHead[Any], weights: Sequence[float] = WEIGHTS) -> Any:
    """The mean over the heads, the competition's 2 : 1 : 1, of floats, arrays or tensors."""
    total = sum(weights)
    return sum(value * (weight / total) for weight, value in zip(weights, values, strict=True))


Probabilities = PerHead[npt.NDArray[np.float32]]  # (N, C) for each head, rows normalised
