"""What a fold's validation images share with the images that its weights have seen.

R rows of the store, N labelled images, n validation rows of the fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphemes.competition.labels import grapheme_codes
from graphemes.network.weights import is_ours, trained_on
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Leakage:
    """Read once a fold: numbers for the run record, and what the weights have seen."""

    trained_on: npt.NDArray[np.int64]  # fingerprints of all images, init's training ones too
    seen: npt.NDArray[np.bool_]  # (n,) whether a validation image's grapheme was trained on
    validated: int
    seen_by_init: int  # validation images that init's weights were trained on
    among_synthetic: int  # validation images that are, pixel for pixel, synthetic ones too
    among_pseudo: int  # or pseudo-labelled ones
    init: Path | None

    def warnings(self) -> list[str]:
        """Why the score will be too high, if it will."""
        of = f"of the {self.validated:,} validation images"
        found = []
        if self.seen_by_init:
            found.append(
                f"WARNING: init={self.init} was trained on {self.seen_by_init:,} {of}:"
                " the score will be too high"
            )
        if self.among_synthetic:
            found.append(
                f"WARNING: {self.among_synthetic:,} {of} are among the synthetic ones:"
                " the score will be too high"
            )
        if self.among_pseudo:
            found.append(
                f"WARNING: {self.among_pseudo:,} {of} are among the pseudo-labelled ones:"
                " the score will be too high"
            )
        return found


def find_leakage(data: TrainingData, rows: FoldRows, init: Path | None) -> Leakage:
    """Look at a fold's rows, what joins them, and the training images of init's weights.

    A grapheme is seen where a real training row of the fold, or of init's, has its three labels.
    Pseudo labels, being guesses, make none seen. Nor do drawings: what they are worth on graphemes
    that no real image shows is what is asked.
    """
    fingerprints = data.store.fingerprints
    of_init = trained_on(init) if init and is_ours(init) else _NONE
    of_synthetic, of_pseudo = (
        _NONE if part is None else part.store.fingerprints[part.rows]
        for part in (data.synthetic, data.pseudo)
    )
    everything = fingerprints[rows.trained]
    for others in (of_synthetic, of_pseudo, of_init):
        if len(others):
            everything = np.union1d(everything, others)
    validated = fingerprints[rows.validated]
    return Leakage(
        trained_on=everything,
        seen=_seen(data, rows, of_init),
        validated=len(validated),
        seen_by_init=int(np.isin(validated, of_init).sum()),
        among_synthetic=int(np.isin(validated, of_synthetic).sum()),
        among_pseudo=int(np.isin(validated, of_pseudo).sum()),
        init=init,
    )


def seen_by_weights(data: TrainingData, weights: Sequence[Path]) -> npt.NDArray[np.bool_]:
    """(N,) which labelled images any of these weights was trained on."""
    known = np.unique(np.concatenate([trained_on(path) for path in weights]))
    return np.isin(data.store.fingerprints[data.rows], known)


def _seen(
    data: TrainingData, rows: FoldRows, of_init: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    codes = grapheme_codes(data.by_row)  # (R,)
    trained = codes[rows.real]
    if len(of_init):
        inside = np.isin(data.store.fingerprints[data.rows], of_init)
        trained = np.union1d(trained, codes[data.rows[inside]])
    return np.isin(codes[rows.validated], trained)
