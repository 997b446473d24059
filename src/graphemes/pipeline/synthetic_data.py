"""Synthetic images that join a run's training rows: looked at before the long work, then opened."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.places import need_space
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.studies import BALANCE
from graphemes.images.ingest import scan_ids
from graphemes.pipeline.training_data import TrainingData, open_training_data, rows_of_labels
from graphemes.pipeline.workspace import Workspace
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import draw_collection, still_needed
from graphemes.synthesis.combinations import unseen_graphemes
from graphemes.synthesis.existing_drawings import is_collection
from graphemes.synthesis.lettering.fonts import SHIPPED, typeface
from graphemes.synthesis.manifest import whole_shards


@dataclass(frozen=True)
class SyntheticPlan:
    """Synthetic images that were looked at, or that are still to be drawn; nothing is decoded."""

    workspace: Workspace  # the run's, with their directory
    images: int
    drawing: Collection | None = None  # what has to be in the directory, drawn when it is opened


def plan_synthetic(settings: TrainSettings, workspace: Workspace) -> SyntheticPlan | None:
    """The synthetic images that the settings name; None if there are none.

    Raises SettingsError for data_dir itself, DataError for a directory that isn't whole,
    MissingPackage where images have to be drawn and can't.
    """
    if settings.synthetic is None:
        return None
    if isinstance(settings.synthetic, int):
        return _plan_drawing(settings.synthetic, settings.seed, workspace)
    directory = settings.synthetic.resolve()
    if directory == workspace.directory:
        raise SettingsError(
            f"synthetic={directory}: is data_dir itself, whose images are validated too;"
            " expected another directory"
        )
    shards = whole_shards(directory)
    beside = _beside(workspace, directory)
    ids = scan_ids(shards)
    rows_of_labels(beside, ids)
    return SyntheticPlan(beside, len(beside.labels))


def open_synthetic(plan: SyntheticPlan | None) -> TrainingData | None:
    """Their store, in the run's cache under a name of its own; drawn first if they aren't yet."""
    if plan is None:
        return None
    directory = plan.workspace.directory
    if plan.drawing is not None and draw_collection(directory, plan.drawing):
        say(f"{directory}: {plan.images:,} images drawn")
    whole_shards(directory)
    return open_training_data(plan.workspace)


def _plan_drawing(images: int, seed: int, workspace: Workspace) -> SyntheticPlan:
    graphemes = [*competition_graphemes(), *unseen_graphemes(map(typeface, SHIPPED))]
    asked = Collection(graphemes, images, seed=seed, balance=BALANCE)
    directory = workspace.layout.work_dir / "data" / "synthetic" / f"{images}-seed{seed}"
    if not is_collection(directory):
        missing, bytes_ = still_needed(directory, asked)
        what = f"drawing {missing:,} images and decoding them"
        need_space(directory, bytes_ + images * PIXELS, what)
    return SyntheticPlan(_beside(workspace, directory), images, asked)


def _beside(workspace: Workspace, directory: Path) -> Workspace:
    return dataclasses.replace(
        workspace, directory=directory, demo=False, draws_demo=False, invert="false"
    )
