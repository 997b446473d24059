"""Pseudo labels: test images that networks read surely join a run's training rows, and no others.

The file is one that predict writes beside a submission, of data_dir's test images. N images of it,
n of them sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphemes.competition.csv_columns import some
from graphemes.competition.shards import find_shards, open_shard
from graphemes.competition.text_columns import is_text
from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.probability_files import AGAIN, read_columns, read_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, Probabilities
from graphemes.foundation.layout import probabilities_beside
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.images.store import open_store
from graphemes.pipeline.prediction import origin_of_tests
from graphemes.pipeline.training_data import TrainingData, store_name
from graphemes.pipeline.workspace import Workspace


@dataclass(frozen=True)
class PseudoPlan:
    """The sure images of a file, before one is decoded."""

    path: Path
    labels: pd.DataFrame  # n rows: image_id and three label columns
    images: int  # N
    digests: dict[str, str]  # what predict noted of where the file comes from
    threshold: float

    def told(self) -> str:
        """How many join, and by what."""
        return (
            f"pseudo labels: {len(self.labels):,} of {self.images:,} images of {self.path.name}"
            f" train too, with three labels of probability {self.threshold:g} or more; what made"
            " the file may have trained on images that are validated here, so scores can be a"
            " little too good"
        )


def plan_pseudo(settings: TrainSettings) -> PseudoPlan | None:
    """The images that the settings' file reads surely; None where none is given.

    Raises DataError for a file that isn't predict's, and where no image is sure.
    """
    path = settings.pseudo
    if path is None:
        return None
    if not path.is_file():
        raise DataError(
            f"pseudo={path}: no such file; expected the probabilities.parquet that predict writes"
            " beside a submission"
        )
    ids, found, digests = _read(path)
    sure = np.min([head.max(axis=1) for head in found], axis=0)  # (N,) of the least sure label
    chosen = sure >= settings.pseudo_threshold
    if not chosen.any():
        raise DataError(
            f"pseudo={path}: of {len(ids):,} images none has three labels of probability"
            f" {settings.pseudo_threshold:g} or more, the surest {sure.max():.3g}; lower"
            " pseudo_threshold, or leave pseudo out"
        )
    guess = likeliest(found)
    labels = {head.column: column[chosen] for head, column in zip(HEADS, guess, strict=True)}
    names = [name for name, kept in zip(ids, chosen, strict=True) if kept]
    rows = pd.DataFrame({"image_id": names, **labels})
    return PseudoPlan(path, rows, len(ids), digests, settings.pseudo_threshold)


def need_other_file(settings: TrainSettings, submission: Path) -> None:
    """Raise DataError where the run's own probabilities would take the place of its pseudo labels.

    The run is known by that file, so the same command wouldn't find what it has made.
    """
    path = settings.pseudo
    if path is not None and path.resolve() == probabilities_beside(submission).resolve():
        raise DataError(
            f"pseudo={path}: this run's own probabilities would take its place, by"
            f" submission={submission}; expected a file that stays as it is; give another"
            " submission or name, or copy the file"
        )


def need_test_images(plan: PseudoPlan, workspace: Workspace) -> None:
    """Raise DataError for a file of other test images than data_dir's, as far as it says.

    And for an image that is in none of data_dir's test shards.
    """
    demo = plan.digests.get("demo", str(workspace.demo))
    if demo != str(workspace.demo):
        whose = "real images" if workspace.demo else "the demo's drawings"
        raise DataError(
            f"pseudo={plan.path}: made by networks that learned from {whose}; expected a file that"
            f" was made by ones of {'the demo' if workspace.demo else 'real images'}"
        )
    ids: set[str] = set()
    shards = find_shards(workspace.directory, "test")
    for path in shards:
        with open_shard(path) as shard:
            ids.update(shard.ids)
    _need_known(plan, workspace, ids)
    _need_same_tests(plan, workspace, shards)


def _need_same_tests(plan: PseudoPlan, workspace: Workspace, shards: Sequence[Path]) -> None:
    """Raise DataError where the file was made of other test images of the same names."""
    made_of = plan.digests.get("test")
    if made_of is None:
        return
    try:
        here = origin_of_tests(workspace, shards)["test"]
    except DataError:  # no test.csv or sample_submission.csv, so nobody can say
        return
    if made_of != here:
        raise DataError(
            f"pseudo={plan.path}: made of other test images than those of {workspace.directory}"
            " (other tables, or shards of other sizes); expected a file that predict made"
            " of that data_dir's; make it again there"
        )


def open_pseudo(plan: PseudoPlan | None, workspace: Workspace) -> TrainingData | None:
    """The test images with the labels of the sure ones: a store in the run's cache."""
    if plan is None:
        return None
    store = open_store(
        find_shards(workspace.directory, "test"),
        workspace.layout.cache,
        store_name(workspace.directory, "test"),
        say,
        progress,
        check=lambda ids: _need_known(plan, workspace, set(ids)),
        invert=workspace.invert,
    )
    rows = [store.row_of[name] for name in plan.labels["image_id"]]
    return TrainingData(store, plan.labels, np.array(rows, np.int64))


def _read(path: Path) -> tuple[list[str], Probabilities, dict[str, str]]:
    """The ids, each once, the probabilities, and the digests. Raises DataError."""
    names = ["image_id", *(head.probability_column for head in HEADS)]
    table, digests = read_columns(path, names)
    if not is_text(table["image_id"].type):
        raise DataError(
            f"{path}: image_id: expected strings, got {table['image_id'].type}; {AGAIN}"
        )
    ids: list[str] = table["image_id"].to_pylist()
    if len(set(ids)) < len(ids):
        twice = pd.Series(ids)[pd.Series(ids).duplicated()].unique().tolist()
        raise DataError(f"{path}: expected each image_id once, got twice {some(twice)}; {AGAIN}")
    return ids, HEADS.map(lambda head: read_probabilities(path, table, head)), digests


def _need_known(plan: PseudoPlan, workspace: Workspace, ids: set[str]) -> None:
    unknown = [name for name in plan.labels["image_id"] if name not in ids]
    if unknown:
        raise DataError(
            f"pseudo={plan.path}: {len(unknown):,} of its images are in no test shard of"
            f" {workspace.directory}, first '{unknown[0]}'; expected a file that predict made of"
            " that data_dir's test images"
        )
