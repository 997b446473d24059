"""Which graphemes to draw, and how often: so that every class is learned, and can be split."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import Grapheme, competition_graphemes
from graphemes.foundation.heads import CLASSES, HEADS

RARE_SHARE = 250  # of so many images one shows each vowel and each consonant sign, at least,
ENOUGH = 12  # until each has been shown so often: two for each of five folds, and some over
MOST = 20.0  # times what the median grapheme gets: more of one would teach little


def selected(images: int, random: np.random.Generator) -> list[Grapheme]:
    """Graphemes of the competition to draw, (images,), in random order.

    Roots come equally often (give or take one, save for those that rare signs need); signs come
    as the roots bring them. From CLASSES = 186 images on, every class is there.
    """
    chosen: list[Grapheme] = []
    if images >= CLASSES:
        for head in ("vowel", "consonant"):
            for label in range(getattr(HEADS, head).classes):
                decks = _Decks(_with_class(head, label), "root", random)
                chosen += decks.deal(max(1, min(ENOUGH, images // RARE_SHARE)))
    decks = _Decks(competition_graphemes(), "root", random, chosen)
    chosen += decks.deal(images - len(chosen))
    return [chosen[k] for k in random.permutation(images)]


def _with_class(head: str, label: int) -> tuple[Grapheme, ...]:
    return tuple(one for one in competition_graphemes() if getattr(one.labels, head) == label)


def shares(graphemes: Sequence[Grapheme], balance: float) -> npt.NDArray[np.float64]:
    """What share of the images each grapheme gets, (n,); they sum to 1.

    balance: 0 gives all the same. With more, those get more whose classes few graphemes show, for
    macro recall counts these as much as others: a grapheme's share goes by the number of graphemes
    of its root, of its vowel and of its consonant sign, each to the power of -balance, up to MOST
    times the median's.
    """
    labels = np.array([tuple(one.labels) for one in graphemes])
    weights = np.ones(len(labels))
    for column in labels.T:
        weights *= np.bincount(column)[column].astype(np.float64) ** -balance
    weights = np.minimum(weights / np.median(weights), MOST)
    return np.asarray(weights / weights.sum())


def dealt(
    graphemes: Sequence[Grapheme], count: int, random: np.random.Generator, balance: float = 0.0
) -> list[Grapheme]:
    """Graphemes in random order, (count,), each as often as its share says, give or take one."""
    exact = shares(graphemes, balance) * count
    times = np.floor(exact).astype(int)
    over, rest = exact - times, count - int(times.sum())
    if rest:
        times[random.choice(len(times), rest, replace=False, p=over / over.sum())] += 1
    order = random.permutation(np.repeat(np.arange(len(times)), times))
    return [graphemes[k] for k in order]


class _Decks:
    """One shuffled deck of graphemes a class, dealt again from its top when it is through."""

    def __init__(
        self,
        graphemes: tuple[Grapheme, ...],
        head: str,
        random: np.random.Generator,
        dealt: list[Grapheme] | None = None,
    ):
        labels = np.array([getattr(one.labels, head) for one in graphemes])
        names = np.unique(labels)
        self._decks = {int(k): _shuffled(graphemes, labels == k, random) for k in names}
        self._order = [int(k) for k in random.permutation(names)]
        counts = dict.fromkeys(self._order, 0)
        for one in dealt or []:
            counts[getattr(one.labels, head)] += 1
        self._counts = counts
        self._next = dict.fromkeys(self._order, 0)

    def deal(self, count: int) -> list[Grapheme]:
        """The next graphemes, always of a class that had the fewest so far."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Grapheme:
        label = min(self._order, key=self._counts.__getitem__)
        deck, place = self._decks[label], self._next[label]
        self._counts[label] += 1
        self._next[label] += 1
        return deck[place % len(deck)]


def _shuffled(
    graphemes: tuple[Grapheme, ...], mine: npt.NDArray[np.bool_], random: np.random.Generator
) -> list[Grapheme]:
    return [graphemes[k] for k in random.permutation(np.flatnonzero(mine))]
