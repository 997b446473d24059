"""Which store rows a fold trains on and is validated on.

N labelled images, n of a fold's part.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphemes.evaluation.folds import (
    folds_digest,
)
from graphemes.foundation.errors import DataError
from graphemes.foundation.seeds import SUBSET
from graphemes.foundation.settings.groups import Learning
from graphemes.pipeline.training_data import TrainingData

_TRAINED, _VALIDATED = 0, 1  # parts of a fold, in SUBSET's key


@dataclass(frozen=True)
class FoldRows:
    """One fold's store rows, (n,) each.

    Those of synthetic images begin where the store ends, pseudo-labelled ones' where those end.
    """

    real: npt.NDArray[np.int64]  # the fold's real training part
    trained: npt.NDArray[np.int64]  # the same, or nothing where synthetic images train alone
    validated: npt.NDArray[np.int64]
    synthetic: npt.NDArray[np.int64]
    pseudo: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def shuffled(self) -> npt.NDArray[np.int64]:
        """What an epoch goes through once, if no synthetic images take turns: real and pseudo."""
        return np.concatenate([self.trained, self.pseudo]) if len(self.pseudo) else self.trained


def rows_of_fold(
    data: TrainingData, table: pd.DataFrame, fold: str, settings: Learning, seed: int
) -> FoldRows:
    """The store rows that a fold trains on and is validated on, after exclude and limit.

    No real row is trained on where the share of synthetic ones is 1 throughout.
    """
    kept = ~excluded(settings.exclude, data.labels)
    folds = table["fold"].to_numpy()[kept]
    real, validated = parts_of_fold(data.rows[kept], folds, fold, settings.limit, seed)
    synthetic, pseudo = (_joining(data, part) for part in (data.synthetic, data.pseudo))
    alone = settings.synthetic_share is not None and settings.synthetic_share.whole
    trained = real[:0] if alone else real
    count = len(synthetic if alone else trained)
    batches = settings.processes * settings.accumulate
    if count < 2 * batches:
        of_each = f" for {batches} batches a step (processes x accumulate)" if batches > 1 else ""
        needed = f"{2 * batches} or more{of_each}"
        raise DataError(
            f"fold {fold}: {count} training images, expected {needed}; look at folds, exclude and"
            " limit"
        )
    if fold != "none" and not len(validated):
        raise DataError(f"fold {fold}: no validation images left; look at folds and exclude")
    return FoldRows(real, trained, validated, synthetic, pseudo)


def parts_of_fold(
    rows: npt.NDArray[np.int64],
    folds: npt.NDArray[np.int64],
    fold: str,
    limit: int | None,
    seed: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows, (n,) each, of a fold's training and validation part.

    rows, folds: (N,) of the images that take part; limit: how many of each part at most.
    """
    validated = np.zeros(len(folds), bool) if fold == "none" else folds == int(fold)
    parts = []
    for kind, mask in ((_TRAINED, ~validated), (_VALIDATED, validated)):
        part = rows[mask]
        if limit is not None and len(part) > limit:
            random = SUBSET.stream(seed, 0 if fold == "none" else int(fold) + 1, kind)
            part = np.sort(random.permutation(part)[:limit])
        parts.append(part)
    trained, judged = parts
    return trained, judged


def _joining(data: TrainingData, part: TrainingData | None) -> npt.NDArray[np.int64]:
    """The rows of what joins the labelled images, behind all stores before its own."""
    if part is None:
        return np.empty(0, np.int64)
    before = data.parts[: [one is part for one in data.parts].index(True)]
    return sum(len(one.store.ids) for one in before) + part.rows


def excluded(path: Path | None, labels: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(N,) which labelled images the file of ids leaves out. Raises DataError."""
    if path is None:
        return np.zeros(len(labels), bool)
    try:
        text = path.read_text(encoding="utf-8-sig")
        ids = {line.strip() for line in text.splitlines()} - {""}
    except OSError as error:
        raise DataError(
            f"exclude={path}: can't be read: {error.strerror}; expected a file of image ids, one a"
            " line"
        ) from None
    except UnicodeDecodeError:
        raise DataError(
            f"exclude={path}: isn't UTF-8; expected text with an image id a line"
        ) from None
    unknown = sorted(ids - set(labels["image_id"]))
    if unknown:
        raise DataError(
            f"exclude={path}: {len(unknown):,} ids are not in train.csv, first '{unknown[0]}';"
            " expected image ids, one a line"
        )
    return labels["image_id"].isin(ids).to_numpy()


def data_digests(data: TrainingData, table: pd.DataFrame) -> dict[str, str]:
    """What a result was made from: the digests of images and of folds with labels."""
    digests = {"data": data.store.digest, "folds": folds_digest(table)}
    if data.synthetic is not None:
        digests["synthetic"] = data.synthetic.digest
    if data.pseudo is not None:
        digests["pseudo"] = data.pseudo.digest
    return digests
