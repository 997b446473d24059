"""Synthetic images that join a run's training rows: looked at before the long work, then opened."""

from dataclasses import dataclass

import pandas as pd

from graphemes.competition.labels import read_labels
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.files import need_space
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import BALANCE, TrainSettings
from graphemes.images.ingest import scan_ids
from graphemes.pipeline.training_data import TrainingData, open_training_data, rows_of_labels
from graphemes.pipeline.workspace import Source, find_data, find_layout
from graphemes.synthesis.collection import (
    Collection,
    draw_collection,
    is_collection,
    still_needed,
)
from graphemes.synthesis.combinations import unseen_graphemes
from graphemes.synthesis.lettering.fonts import SHIPPED, typeface
from graphemes.synthesis.manifest import whole_shards


@dataclass(frozen=True)
class Synthetic:
    """Synthetic images that were looked at, or that are still to be drawn; nothing is decoded."""

    source: Source
    images: int
    drawing: Collection | None = None  # what has to be in the directory, drawn when it is opened


def plan_synthetic(settings: TrainSettings) -> Synthetic | None:
    """The synthetic images that the settings name; None if there are none.

    Raises SettingsError for data_dir itself, DataError for a directory that isn't whole,
    MissingPackage where images have to be drawn and can't.
    """
    if settings.synthetic is None:
        return None
    layout = find_layout(settings)
    if isinstance(settings.synthetic, int):
        graphemes = [*competition_graphemes(), *unseen_graphemes(map(typeface, SHIPPED))]
        asked = Collection(graphemes, settings.synthetic, seed=settings.seed, balance=BALANCE)
        directory = layout.work_dir / "data" / "synthetic" / f"{asked.images}-seed{asked.seed}"
        if not is_collection(directory):
            missing, bytes_ = still_needed(directory, asked)
            what = f"drawing {missing:,} images and decoding them"
            need_space(directory, bytes_ + asked.images * PIXELS, what)
        return Synthetic(Source(layout, directory, demo=False), asked.images, asked)
    directory = settings.synthetic.resolve()
    if directory == find_data(settings):
        raise SettingsError(
            f"synthetic={directory}: is data_dir itself, whose images are validated too;"
            " expected another directory"
        )
    shards = whole_shards(directory)
    source = Source(layout, directory, demo=False)
    labels = read_labels(directory / "train.csv")
    ids, _ = scan_ids(shards)
    rows_of_labels(source, labels, ids)
    return Synthetic(source, len(labels))


def open_synthetic(planned: Synthetic | None) -> TrainingData | None:
    """Their store, in the run's cache under a name of its own; drawn first if they aren't yet."""
    if planned is None:
        return None
    directory = planned.source.directory
    if planned.drawing is not None and draw_collection(directory, planned.drawing):
        say(f"{directory}: {planned.images:,} images drawn")
    whole_shards(directory)
    return open_training_data(planned.source, read_labels(directory / "train.csv"))


def epoch_length(settings: TrainSettings, labels: pd.DataFrame, synthetic: Synthetic | None) -> int:
    """How many labelled images an epoch is as long as: the real ones, or synthetic ones alone."""
    alone = settings.synthetic_share is not None and settings.synthetic_share.whole
    return synthetic.images if synthetic is not None and alone else len(labels)
