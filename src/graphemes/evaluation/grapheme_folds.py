"""Folds by grapheme: some are held out whole, so that each fold is judged by ones it never saw.

N images, G graphemes (three labels together), H held out ones.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphemes.competition.labels import grapheme_codes, label_columns
from graphemes.evaluation.folds import NEVER, fold_count, make_folds
from graphemes.evaluation.unseen import unseen_in_training
from graphemes.foundation.arrays import Booleans, Integers
from graphemes.foundation.classes import class_name
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import HELD_OUT

HELD_OUT_SHARE = 0.25  # of the graphemes
# A grapheme is held out only where each of its classes stands in so many. Of consonant 3, which
# stands in four, one alone would decide a seventh of an unseen recall and leave little to learn.
_MIN_GRAPHEMES = PerHead(root=2, vowel=5, consonant=5)
_MIN_IMAGES = 2  # of a class, outside held out graphemes: to be trained on and validated on


@dataclass(frozen=True)
class Graphemes:
    """The graphemes of a table, ordered by labels."""

    labels: PerHead[Integers]  # (G,)
    images: Integers  # (G,) how many each has
    of_image: Integers  # (N,) 0..G-1


def find_graphemes(labels: pd.DataFrame) -> Graphemes:
    """The graphemes that a table with the three label columns holds."""
    columns = label_columns(labels)
    _, first, of_image, images = np.unique(
        grapheme_codes(columns), return_index=True, return_inverse=True, return_counts=True
    )
    return Graphemes(
        columns.map(lambda values: values[first]),
        images.astype(np.int64),
        of_image.astype(np.int64),
    )


def make_grapheme_folds(labels: pd.DataFrame, folds: int, seed: int) -> Integers:
    """(N,) int64 in 0..folds-1: a quarter of the graphemes whole in one fold each, others spread.

    No image of a held out grapheme is in the training part of its fold. Every class keeps images
    that are spread over the folds by `make_folds`, so that each fold trains on it (of a vowel or
    a consonant with a handful of images chance may put all in one: `held_out_lines` says so). The
    same image gets the same fold whatever order the rows are in. Raises MissingPackage; DataError
    when fewer graphemes can be held out than there are folds, or too few images are left to spread.
    """
    graphemes = find_graphemes(labels)
    held_out = _choose_held_out(graphemes, seed)
    if held_out.sum() < folds:
        raise DataError(
            f"by=grapheme: a quarter of {held_out.size} graphemes is held out, of which every class"
            f" must keep some: {held_out.sum()}, expected {folds} or more, one a fold;"
            " give fewer folds or more labelled images"
        )
    fold_of = np.full(held_out.size, NEVER, np.int64)
    fold_of[held_out] = _assign_evenly(graphemes.images[held_out], folds)
    result = fold_of[graphemes.of_image]
    spread = result == NEVER
    result[spread] = make_folds(labels[spread], folds, seed)
    return result


def may_be_held_out(graphemes: Graphemes) -> Booleans:
    """(G,) whether each class of a grapheme stands in others too, and keeps images without it."""
    possible = np.ones(len(graphemes.images), bool)
    for needed, labels in zip(_MIN_GRAPHEMES, graphemes.labels, strict=True):
        left = np.bincount(labels, graphemes.images)[labels] - graphemes.images
        possible &= (np.bincount(labels)[labels] >= needed) & (left >= _MIN_IMAGES)
    return possible


def _choose_held_out(graphemes: Graphemes, seed: int) -> Booleans:
    """(G,) which are held out: a quarter, or as many as leave every class enough."""
    wanted = round(HELD_OUT_SHARE * len(graphemes.images))
    left = graphemes.labels.map(lambda labels: np.bincount(labels, graphemes.images))
    held_out = np.zeros(len(graphemes.images), bool)
    for index in HELD_OUT.stream(seed).permutation(np.flatnonzero(may_be_held_out(graphemes))):
        images = graphemes.images[index]
        own = [
            (counts, labels[index]) for counts, labels in zip(left, graphemes.labels, strict=True)
        ]
        if held_out.sum() < wanted and all(
            counts[label] - images >= _MIN_IMAGES for counts, label in own
        ):
            held_out[index] = True
            for counts, label in own:
                counts[label] -= images
    return held_out


def _assign_evenly(images: Integers, folds: int) -> Integers:
    """(H,) the fold of each grapheme: equally many a fold, and as equally many `images` ((H,))."""
    fold_of, totals = np.empty_like(images), np.zeros(folds, np.int64)
    largest_first = np.argsort(-images, kind="stable")
    for start in range(0, len(images), folds):
        batch = largest_first[start : start + folds]
        emptiest = np.argsort(totals, kind="stable")[: len(batch)]
        fold_of[batch] = emptiest
        totals[emptiest] += images[batch]
    while _swap(images, fold_of, totals):
        pass
    return fold_of


def _swap(images: Integers, fold_of: Integers, totals: Integers) -> bool:
    """Swap two graphemes of the fullest and the emptiest fold, in place; False if none helps."""
    full, empty = int(totals.argmax()), int(totals.argmin())
    gap = totals[full] - totals[empty]
    ours, theirs = np.flatnonzero(fold_of == full), np.flatnonzero(fold_of == empty)
    moved = images[ours][:, None] - images[theirs]
    # What is moved brings both nearer if it is less than the gap; half of it would make them even.
    miss = np.where((moved > 0) & (moved < gap), np.abs(2 * moved - gap), gap)
    one, other = np.unravel_index(miss.argmin(), miss.shape)
    if miss[one, other] >= gap:
        return False
    fold_of[ours[one]], fold_of[theirs[other]] = empty, full
    totals[full] -= moved[one, other]
    totals[empty] += moved[one, other]
    return True


def held_out_lines(table: pd.DataFrame) -> list[str]:
    """What a table of folds holds out whole, for people, and what can't be."""
    folds, graphemes = table["fold"].to_numpy(), find_graphemes(table)
    unseen = unseen_in_training(folds, graphemes.of_image)
    if not unseen.any():
        return ["no grapheme is held out whole: every fold trains on all it is validated on"]
    lines = ["fold   held out graphemes   their images (unseen)   other images (seen)"]
    for fold in range(fold_count(table)):
        inside = folds == fold
        lines.append(_row(str(fold), graphemes, inside & unseen, inside & ~unseen))
    validated = folds != NEVER
    lines.append(_row("all", graphemes, validated & unseen, validated & ~unseen))
    count, total = np.unique(graphemes.of_image[unseen]).size, len(graphemes.images)
    lines.append(f"{count:,} of {total:,} graphemes are held out whole ({count / total:.1%})")
    choosable = may_be_held_out(graphemes)[graphemes.of_image]
    forced = np.unique(graphemes.of_image[unseen & ~choosable])
    if forced.size:
        lines.append(
            f"{forced.size:,} of these only because they have so few images that one fold has all"
        )
    return [*lines, *_never_lines(graphemes), *_untrained_lines(table)]


def _row(name: str, graphemes: Graphemes, unseen: Booleans, seen: Booleans) -> str:
    count = np.unique(graphemes.of_image[unseen]).size
    return f"{name:>4}{count:>21,}{unseen.sum():>24,}{seen.sum():>22,}"


def _never_lines(graphemes: Graphemes) -> list[str]:
    """Which classes have no grapheme that may be held out."""
    possible = may_be_held_out(graphemes)
    count = f"{(~possible).sum():,} of {possible.size:,} graphemes"
    lines = [f"{count} aren't chosen to be held out: a class of theirs stands in too few others"]
    for head, labels in zip(HEADS, graphemes.labels, strict=True):
        never = np.setdiff1d(labels, labels[possible])
        if never.size:
            names = ", ".join(class_name(head.name, int(label)) for label in never)
            lines.append(f"never chosen of {head.name} ({never.size}): {names}")
    return lines


def _untrained_lines(table: pd.DataFrame) -> list[str]:
    """Which folds train without a class, as may happen where images are few."""
    folds, lines = table["fold"].to_numpy(), []
    for fold in range(fold_count(table)):
        missing = []
        for head, labels in zip(HEADS, label_columns(table), strict=True):
            unseen = unseen_in_training(folds, labels) & (folds == fold)
            names = [class_name(head.name, label) for label in np.unique(labels[unseen])]
            if names:
                missing.append(f"{head.name} {', '.join(names)}")
        if missing:
            lines.append(f"fold {fold} trains without {'; '.join(missing)}")
    return lines or ["every fold trains on every class"]
