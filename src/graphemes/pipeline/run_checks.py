"""What would stop a run at its folds or its end, looked at before the long work begins."""

import pandas as pd

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.files import need_space, need_writable
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import apply_recipe
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import build_network
from graphemes.pipeline.existing_results import (
    fold_status,
    guard_submission,
    submission_origin,
)
from graphemes.pipeline.fold_rows import excluded
from graphemes.pipeline.fold_training import FoldTraining
from graphemes.pipeline.prediction import Plan, plan_prediction
from graphemes.pipeline.workspace import Source, find_data, find_layout
from graphemes.synthesis.demo import is_demo

WEIGHTS_BYTES = 4 * 21_400_000  # of a ResNet-34


def check_files(settings: TrainSettings, source: Source, labels: pd.DataFrame) -> Plan | None:
    """What the settings name and the end will need, looked at before the long work begins.

    What there is to predict, None if nothing.
    """
    excluded(settings.exclude, labels)
    need_writable(settings.submission or source.layout.submission)
    return plan_prediction(source.directory)


def check_places(training: FoldTraining, folds: list[str], weights: int) -> None:
    """What would stop the run at its folds or its end, before anything is written or removed."""
    settings, layout = training.settings, training.source.layout
    asked, overwrite = training.identity, settings.overwrite
    statuses = [fold_status(layout.fold(f), asked, overwrite=overwrite) for f in folds]
    if settings.resume == "true" and set(statuses) == {"empty"}:
        raise SettingsError(
            f"resume=true: {layout.fold(folds[0]).directory} holds nothing to go on with;"
            " resume=auto begins where there is nothing"
        )
    submission = settings.submission or layout.submission
    guard_submission(submission, submission_origin(asked), overwrite=overwrite)
    for fold in folds:
        training.rows(fold)
    begun_with = settings.init or settings.pretrained
    if begun_with and any(training.begins(fold) for fold in folds):
        initial_network(settings)  # before overwrite=true or resume=false clears anything
    need_space(layout.run_dir, folds_bytes(statuses.count("empty"), weights), "training")


def weights_bytes(settings: TrainSettings) -> int:
    """Bytes of the network's weights, built once: what it can't be is told before anything is done.

    Weights to begin with are read or fetched too, where the run has nothing to go on with.
    """
    directory = find_data(settings)
    filled = apply_recipe(settings, demo=directory is None or is_demo(directory), images=1)
    layout = find_layout(settings)
    if any(place.begun for place in (*layout.folds(), layout.fold("none"))):
        network = build_network(filled, filled.image_size)
    else:
        network = initial_network(filled)
    network.trunk.checkpointing = settings.checkpointing
    return sum(tensor.nbytes for tensor in network.state_dict().values())


def folds_bytes(folds: int, weights: int = WEIGHTS_BYTES) -> int:
    """Bytes of disk that training so many folds takes at most.

    While a fold is trained: best weights twice, a checkpoint of weights, mean and two moments.
    """
    return (6 + folds) * weights if folds else 0
