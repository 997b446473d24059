"""Synthetic images that join a run's training rows: looked at before the long work, then opened."""

from dataclasses import dataclass

import pandas as pd

from graphemes.commands.preparation import (
    Source,
    TrainingData,
    open_training_data,
    rows_of_labels,
)
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.layout import find_data, find_layout
from graphemes.foundation.settings import TrainSettings
from graphemes.images.filling import survey
from graphemes.images.synthesis.marker import whole_shards
from graphemes.judge.labels import read_labels


@dataclass(frozen=True)
class Synthetic:
    """A whole directory of synthetic images, its labels read, nothing decoded yet."""

    source: Source
    labels: pd.DataFrame  # of its train.csv


def plan_synthetic(settings: TrainSettings) -> Synthetic | None:
    """The synthetic images that the settings name; None if there are none.

    Raises SettingsError for a share of none, DataError for a directory that isn't whole.
    """
    if settings.synthetic is None:
        if settings.synthetic_share is not None:
            raise SettingsError(
                f"synthetic_share={settings.synthetic_share}: there are no synthetic images;"
                " add synthetic=DIRECTORY, or leave it out"
            )
        return None
    directory = settings.synthetic.resolve()
    if directory == find_data(settings):
        raise SettingsError(
            f"synthetic={directory}: is data_dir itself, whose images are validated too;"
            " expected another directory"
        )
    shards = whole_shards(directory)
    source = Source(find_layout(settings), directory, demo=False)
    labels = read_labels(directory / "train.csv")
    ids, _ = survey(shards)
    rows_of_labels(source, labels, ids)
    return Synthetic(source, labels)


def open_synthetic(planned: Synthetic | None) -> TrainingData | None:
    """Their store, in the run's cache under a name of its own."""
    return None if planned is None else open_training_data(planned.source, planned.labels)


def epoch_length(settings: TrainSettings, labels: pd.DataFrame, synthetic: Synthetic | None) -> int:
    """How many labelled images an epoch is as long as: the real ones, or synthetic ones alone."""
    alone = settings.synthetic_share is not None and settings.synthetic_share.whole
    return len(synthetic.labels if synthetic is not None and alone else labels)
