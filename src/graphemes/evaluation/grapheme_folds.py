"""Folds by grapheme: some are held out whole, so that each fold is judged by ones it never saw."""

# N images, G graphemes (three labels together), H held out ones, K folds

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphemes.competition.labels import grapheme_codes, label_columns
from graphemes.evaluation.folds import NEVER, fold_count, make_folds
from graphemes.evaluation.unseen import alone_in_fold
from graphemes.foundation.arrays import Booleans, Integers
from graphemes.foundation.classes import class_name
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import stream

HELD_OUT_SHARE = 0.25  # of the graphemes
_ADDRESS = 2**16 + 1  # of the stream that picks them; no fold has it
# A grapheme is held out only where each of its classes stands in so many. Of consonant 3, which
# stands in four, one alone would decide a seventh of an unseen recall and leave little to learn.
_STANDS_IN = PerHead(root=2, vowel=5, consonant=5)
_LEFT = 2  # images that a class keeps outside held out graphemes: one trains if one is validated


@dataclass(frozen=True)
class Graphemes:
    """The graphemes of a table, ordered by labels."""

    labels: PerHead[Integers]  # (G,)
    images: Integers  # (G,) how many each has
    of_image: Integers  # (N,) 0..G-1


def graphemes_of(labels: pd.DataFrame) -> Graphemes:
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
    graphemes = graphemes_of(labels)
    held_out = _choose(graphemes, seed)
    if held_out.sum() < folds:
        raise DataError(
            f"by=grapheme: a quarter of {held_out.size} graphemes is held out, of which every class"
            f" must keep some: {held_out.sum()}, expected {folds} or more, one a fold;"
            " give fewer folds or more labelled images"
        )
    fold_of = np.full(held_out.size, NEVER, np.int64)
    fold_of[held_out] = _deal(graphemes.images[held_out], folds)
    result = fold_of[graphemes.of_image]
    spread = result == NEVER
    result[spread] = make_folds(labels[spread], folds, seed)
    return result


def may_be_held_out(graphemes: Graphemes) -> Booleans:
    """(G,) whether each class of a grapheme stands in others too, and keeps images without it."""
    possible = np.ones(len(graphemes.images), bool)
    for needed, labels in zip(_STANDS_IN, graphemes.labels, strict=True):
        left = np.bincount(labels, graphemes.images)[labels] - graphemes.images
        possible &= (np.bincount(labels)[labels] >= needed) & (left >= _LEFT)
    return possible


def _choose(graphemes: Graphemes, seed: int) -> Booleans:
    """(G,) which are held out: a quarter, or as many as leave every class enough."""
    wanted = round(HELD_OUT_SHARE * len(graphemes.images))
    left = graphemes.labels.map(lambda labels: np.bincount(labels, graphemes.images))
    held_out = np.zeros(len(graphemes.images), bool)
    for place in stream(seed, _ADDRESS).permutation(np.flatnonzero(may_be_held_out(graphemes))):
        images = graphemes.images[place]
        own = [
            (counts, labels[place]) for counts, labels in zip(left, graphemes.labels, strict=True)
        ]
        if held_out.sum() < wanted and all(
            counts[label] - images >= _LEFT for counts, label in own
        ):
            held_out[place] = True
            for counts, label in own:
                counts[label] -= images
    return held_out


def _deal(images: Integers, folds: int) -> Integers:
    """(H,) the fold of each grapheme: equally many a fold, and as equally many `images` ((H,))."""
    dealt, totals = np.empty_like(images), np.zeros(folds, np.int64)
    largest_first = np.argsort(-images, kind="stable")
    for start in range(0, len(images), folds):
        round_of = largest_first[start : start + folds]
        emptiest = np.argsort(totals, kind="stable")[: len(round_of)]
        dealt[round_of] = emptiest
        totals[emptiest] += images[round_of]
    while _swap(images, dealt, totals):
        pass
    return dealt


def _swap(images: Integers, dealt: Integers, totals: Integers) -> bool:
    """Swap two graphemes of the fullest and the emptiest fold, in place; False if none helps."""
    full, empty = int(totals.argmax()), int(totals.argmin())
    gap = totals[full] - totals[empty]
    ours, theirs = np.flatnonzero(dealt == full), np.flatnonzero(dealt == empty)
    moved = images[ours][:, None] - images[theirs]
    # What is moved brings both nearer if it is less than the gap; half of it would make them even.
    miss = np.where((moved > 0) & (moved < gap), np.abs(2 * moved - gap), gap)
    one, other = np.unravel_index(miss.argmin(), miss.shape)
    if miss[one, other] >= gap:
        return False
    dealt[ours[one]], dealt[theirs[other]] = empty, full
    totals[full] -= moved[one, other]
    totals[empty] += moved[one, other]
    return True


def held_out_lines(table: pd.DataFrame) -> list[str]:
    """What a table of folds holds out whole, for people, and what can't be."""
    folds, graphemes = table["fold"].to_numpy(), graphemes_of(table)
    alone = alone_in_fold(folds, graphemes.of_image)
    if not alone.any():
        return ["no grapheme is held out whole: every fold trains on all it is validated on"]
    lines = ["fold   held out graphemes   their images (unseen)   other images (seen)"]
    for fold in range(fold_count(table)):
        inside = folds == fold
        lines.append(_row(str(fold), graphemes, inside & alone, inside & ~alone))
    validated = folds != NEVER
    lines.append(_row("all", graphemes, validated & alone, validated & ~alone))
    count, total = np.unique(graphemes.of_image[alone]).size, len(graphemes.images)
    lines.append(f"{count:,} of {total:,} graphemes are held out whole ({count / total:.1%})")
    forced = np.unique(graphemes.of_image[alone & ~may_be_held_out(graphemes)[graphemes.of_image]])
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
    """Whether some fold trains without a class, which the data forces where images are few."""
    folds, lines = table["fold"].to_numpy(), []
    for fold in range(fold_count(table)):
        missing = []
        for head, labels in zip(HEADS, label_columns(table), strict=True):
            alone = alone_in_fold(folds, labels) & (folds == fold)
            names = [class_name(head.name, label) for label in np.unique(labels[alone])]
            if names:
                missing.append(f"{head.name} {', '.join(names)}")
        if missing:
            lines.append(f"fold {fold} trains without {'; '.join(missing)}")
    return lines or ["every fold trains on every class"]
