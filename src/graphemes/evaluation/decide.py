"""Probabilities to labels.

N images, C classes of one head.
"""

import numpy as np

from graphemes.foundation.arrays import Integers
from graphemes.foundation.heads import PerHead, Probabilities


def likeliest(probabilities: Probabilities) -> PerHead[Integers]:
    """The likeliest class of each head: PerHead[(N, C)] -> PerHead[(N,)]."""
    return probabilities.map(lambda head: head.argmax(axis=1).astype(np.int64))
