"""How evenly folds share the classes: what the `folds` command prints.

K folds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphemes.evaluation.folds import NEVER, fold_count
from graphemes.foundation.arrays import Integers
from graphemes.foundation.classes import class_name
from graphemes.foundation.heads import HEADS, Head, PerHead


@dataclass(frozen=True)
class ClassShare:
    """The share of a class's images that one fold is validated on, 0..1."""

    label: int
    n: int  # images of the class in all, those at -1 included
    share: float


@dataclass(frozen=True)
class FoldShares:
    """The classes of one head that a fold holds least and most of."""

    fold: int
    least: ClassShare
    most: ClassShare


def fold_balance(table: pd.DataFrame) -> PerHead[list[FoldShares]]:
    """For each head and fold the extremes over the classes that occur; 1 / K each is perfect."""
    folds = table["fold"].to_numpy()
    count = fold_count(table)
    return HEADS.map(lambda head: _shares(table[head.column].to_numpy(), folds, head, count))


def _shares(truth: Integers, folds: Integers, head: Head, count: int) -> list[FoldShares]:
    totals = np.bincount(truth, minlength=head.classes)
    present = np.flatnonzero(totals)
    extremes = []
    for fold in range(count):
        inside = np.bincount(truth[folds == fold], minlength=head.classes)
        shares = inside[present] / totals[present]
        least, most = (
            ClassShare(int(present[index]), int(totals[present[index]]), float(shares[index]))
            for index in (shares.argmin(), shares.argmax())
        )
        extremes.append(FoldShares(fold, least, most))
    return extremes


def balance_lines(table: pd.DataFrame) -> list[str]:
    """`fold_balance` for people: a line for each fold and head."""
    folds, balance = table["fold"].to_numpy(), fold_balance(table)
    lines = ["fold   images  head       least of a class .. most"]
    for fold in range(fold_count(table)):
        inside = int((folds == fold).sum())
        for head, shares in zip(HEADS, balance, strict=True):
            least, most = shares[fold].least, shares[fold].most
            # Bengali last: its letters are not of one width in a terminal.
            lines.append(
                f"{fold:>4} {inside:>8}  {head.name:<10} {least.share:>7.2%} .. {most.share:>7.2%}"
                f"  (class {class_name(head.name, least.label)} of {least.n} images,"
                f" class {class_name(head.name, most.label)} of {most.n})"
            )
    never = int((folds == NEVER).sum())
    return [*lines, f"{never} images are never validated"] if never else lines
