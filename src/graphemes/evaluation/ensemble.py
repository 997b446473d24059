"""Ensembles: how much each of several runs counts, fitted on their out-of-fold tables.

Shares that make the log loss of the mixed probabilities least: it is convex in them, and smoother
than recall, so it is fitted to fewer images. R runs, N images, C classes of one head.
"""

from collections.abc import Sequence

import numpy as np

from graphemes.competition.csv_columns import some
from graphemes.evaluation.oof import MUST_AGREE, OofTable
from graphemes.foundation.arrays import Booleans, Floats, Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead, Probabilities

PARTS = 5  # of the nested fit: each is judged with shares fitted on the others
DECIMALS = 3  # of a share: finer ones change nothing that can be measured
_STEPS, _STILL = 2000, 1e-7
_LEAST = 1e-7  # a probability: one that float32 made 0 would count for everything


def aligned(names: Sequence[str], tables: Sequence[OofTable]) -> list[OofTable]:
    """The runs' tables with their rows in the order of the image ids.

    Raises DataError where two aren't of the same images, labels and folds: what one run has
    trained on it reads too well, and would get too large a share.
    """
    ordered = [_ordered(table) for table in tables]
    first = ordered[0]
    for name, table in zip(names[1:], ordered[1:], strict=True):
        pair = f"runs={names[0]},{name}"
        _same_digests(pair, first, table)
        if table.image_ids != first.image_ids:
            apart = sorted({*table.image_ids} ^ {*first.image_ids})
            raise DataError(
                f"{pair}: {len(apart):,} images are in the tables of one alone, {some(apart)};"
                " expected the same folds of both, finished; train what is missing"
            )
        if not np.array_equal(table.folds, first.folds):
            raise DataError(
                f"{pair}: other folds: what one has validated, the other has trained on; train one"
                " of them again with the other's folds.csv"
            )
        if not all(map(np.array_equal, table.truth, first.truth)):
            raise DataError(f"{pair}: their tables have other labels; train one of them again")
    return ordered


def mixed(parts: Sequence[Probabilities], shares: Sequence[float] | Floats) -> Probabilities:
    """PerHead[(N, C)] the sum of the runs' probabilities, each times its share."""
    pairs = [list(zip(shares, heads, strict=True)) for heads in zip(*parts, strict=True)]
    return PerHead(
        *(np.asarray(sum(share * part for share, part in head), np.float32) for head in pairs)
    )


def fitted_shares(parts: Sequence[Probabilities], truth: PerHead[Integers]) -> Floats:
    """(R,) the shares of least log loss, heads weighted as in the score, rounded to DECIMALS."""
    return _rounded(_fit(_true_chances(parts, truth)))


def nested_mixture(parts: Sequence[Probabilities], truth: PerHead[Integers]) -> Probabilities:
    """PerHead[(N, C)] mixed with shares that were fitted without the image's part of PARTS."""
    chances = _true_chances(parts, truth)
    part_of = np.arange(chances.shape[1]) % PARTS
    found = mixed(parts, np.zeros(len(parts)))
    for held_out in range(PARTS):
        inside = part_of == held_out
        shares = _rounded(_fit(chances[:, ~inside]))
        judged = mixed([_rows(part, inside) for part in parts], shares)
        for whole, piece in zip(found, judged, strict=True):
            whole[inside] = piece
    return found


def _rows(part: Probabilities, inside: Booleans) -> Probabilities:
    return part.map(lambda head: head[inside])


def _true_chances(parts: Sequence[Probabilities], truth: PerHead[Integers]) -> Floats:
    """(3, N, R) the probability that each run gives the true class."""
    rows = np.arange(len(truth.root))
    chances = [
        np.stack([part[place][rows, truth[place]] for part in parts], axis=1)
        for place in range(len(HEADS))
    ]
    return np.maximum(np.stack(chances).astype(np.float64), _LEAST)


def _fit(chances: Floats) -> Floats:
    """(R,) by expectation-maximisation: a run's share is the part that it has in the truth."""
    runs = chances.shape[2]
    shares = np.full(runs, 1 / runs)
    if not chances.shape[1]:
        return shares
    weights = np.array([head.weight for head in HEADS])
    weights = weights / weights.sum()
    for _ in range(_STEPS):
        before = shares
        parts = chances / (chances @ shares)[..., None]  # (3, N, R)
        shares = shares * (weights @ parts.mean(axis=1))
        if np.abs(shares - before).max() < _STILL:
            break
    return shares


def _rounded(shares: Floats) -> Floats:
    rounded = np.round(shares, DECIMALS)
    rounded[np.argmax(rounded)] += 1 - rounded.sum()
    return np.round(rounded, DECIMALS)


def _ordered(table: OofTable) -> OofTable:
    order = np.argsort(np.array(table.image_ids), kind="stable")
    return OofTable(
        [table.image_ids[row] for row in order],
        table.folds[order],
        table.truth.map(lambda column: column[order]),
        table.probabilities.map(lambda head: head[order]),
        table.digests,
        None if table.seen is None else table.seen[order],
        table.source,
    )


def _same_digests(pair: str, first: OofTable, table: OofTable) -> None:
    for name in MUST_AGREE:
        ours, theirs = first.digests.get(name), table.digests.get(name)
        if None not in (ours, theirs) and ours != theirs:
            why = (
                "folds.csv: what one has validated, the other has trained on"
                if name == "folds"
                else name
            )
            raise DataError(
                f"{pair}: trained with another {why}; train one of them again with the other's"
            )
