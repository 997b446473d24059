"""How many images a run has, and pictures an epoch of it: known before anything is decoded."""

from pathlib import Path

import numpy as np

from graphemes.evaluation.folds import NEVER, read_folds
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import Images
from graphemes.pipeline.fold_rows import excluded
from graphemes.pipeline.synthetic_data import SyntheticPlan
from graphemes.pipeline.workspace import Workspace


def run_images(
    settings: TrainSettings,
    workspace: Workspace,
    synthetic: SyntheticPlan | None,
    pseudo: int = 0,
) -> Images:
    """The images of a run, after exclude and limit; the same for each of its folds.

    pseudo: test images that join the training rows, whatever limit says.

    An epoch is as long as the real training rows of the fold that has most, or as synthetic ones
    where these train alone. Raises DataError for a file of ids or folds that can't be read.
    """
    alone = settings.synthetic_share is not None and settings.synthetic_share.whole
    if synthetic is not None and alone:
        return Images(synthetic.images, synthetic.images)
    labelled, epoch = _unlimited(settings, workspace)
    if settings.limit is not None and settings.limit < epoch:
        labelled, epoch = labelled * settings.limit // epoch, settings.limit
    return Images(labelled + pseudo, epoch + pseudo)


def _unlimited(settings: TrainSettings, workspace: Workspace) -> tuple[int, int]:
    """Labelled images, and training rows of the fold that has most."""
    if workspace.draws_demo:  # it may not be drawn yet, so there are no ids to look at
        labelled = workspace.labelled_images
        folds = settings.folds if isinstance(settings.folds, int) else labelled
        return labelled, labelled - (0 if settings.fold == "none" else labelled // folds)
    kept = ~excluded(settings.exclude, workspace.labels)
    labelled = int(kept.sum())
    if settings.fold == "none":
        return labelled, labelled
    if isinstance(settings.folds, Path):
        folds_of = read_folds(settings.folds, workspace.labels)["fold"].to_numpy()[kept]
        validated = np.bincount(folds_of[folds_of != NEVER])
        return labelled, labelled - int(min(validated[validated > 0], default=0))
    return labelled, labelled - labelled // settings.folds
