"""Selection: which graphemes are drawn and how often, so that every class can be learned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphemes.foundation.classes import Grapheme, competition_graphemes
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import CLASSES, HEADS
from graphemes.foundation.progress import say
from graphemes.synthesis.combinations import listed_graphemes, unseen_graphemes
from graphemes.synthesis.lettering.fonts import typeface

RARE_SHARE = 250  # of so many images one shows each vowel and each consonant sign, at least,
ENOUGH = 12  # until each has been shown so often: two for each of five folds, and some over
MOST = 20.0  # times what the median grapheme gets: more of one would teach little


def chosen_graphemes(choice: str | Path, fonts: Sequence[str]) -> Sequence[Grapheme]:
    """The graphemes asked for. Raises DataError for one that no font can write."""
    typefaces = [typeface(name) for name in fonts]
    if isinstance(choice, Path):
        listed = listed_graphemes(choice)
        for one in listed:
            if not any(font.can_write(one.text) for font in typefaces):
                raise DataError(
                    f"{choice}: no font can write '{one.text}' {tuple(one.labels)}; leave it out"
                    " or add a font with fonts=DIR"
                )
        return listed
    if choice == "seen":
        return competition_graphemes()
    unseen = unseen_graphemes(typefaces)
    triples = 1
    for head in HEADS:
        triples *= head.classes
    say(
        f"{len(unseen):,} of {triples:,} label triples aren't among train.csv's"
        f" {len(competition_graphemes()):,} graphemes and can be written"
    )
    return unseen if choice == "unseen" else [*competition_graphemes(), *unseen]


def sample_every_class(
    graphemes: Sequence[Grapheme], count: int, random: np.random.Generator
) -> list[Grapheme]:
    """Graphemes in random order, (count,), so that every class can be learned from few.

    Roots come equally often (give or take one, save for those that rare signs need); signs come
    as the roots bring them. Of the competition's graphemes every class is there from CLASSES = 186
    images on.
    """
    chosen: list[Grapheme] = []
    if count >= CLASSES:
        for head in ("vowel", "consonant"):
            for label in range(getattr(HEADS, head).classes):
                showing = [one for one in graphemes if getattr(one.labels, head) == label]
                sampler = _RootSampler(showing, random)
                chosen += sampler.take(max(1, min(ENOUGH, count // RARE_SHARE)))
    sampler = _RootSampler(graphemes, random, chosen)
    chosen += sampler.take(count - len(chosen))
    return [chosen[k] for k in random.permutation(count)]


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


def sample_by_share(
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


class _RootSampler:
    """Takes graphemes root by root, those of a root in one random order again and again."""

    def __init__(
        self,
        graphemes: Sequence[Grapheme],
        random: np.random.Generator,
        taken: Sequence[Grapheme] = (),
    ):
        labels = np.array([one.labels.root for one in graphemes])
        roots = np.unique(labels)
        self._shuffled: dict[int, list[Grapheme]] = {
            int(root): [graphemes[k] for k in random.permutation(np.flatnonzero(labels == root))]
            for root in roots
        }
        self._roots = [int(root) for root in random.permutation(roots)]
        self._next = dict.fromkeys(self._roots, 0)
        self._counts = dict.fromkeys(self._roots, 0)
        for one in taken:
            self._counts[one.labels.root] += 1

    def take(self, count: int) -> list[Grapheme]:
        """The next graphemes, always of a root that had the fewest so far."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Grapheme:
        root = min(self._roots, key=self._counts.__getitem__)
        graphemes, index = self._shuffled[root], self._next[root]
        self._counts[root] += 1
        self._next[root] += 1
        return graphemes[index % len(graphemes)]
