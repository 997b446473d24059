"""The length of an epoch is known before an image is decoded, and is that of the largest fold."""

import numpy as np
import pandas as pd
import pytest

from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import Images
from graphemes.pipeline.fold_plan import plan_folds
from graphemes.pipeline.fold_rows import rows_of_fold
from graphemes.pipeline.run_images import run_images
from graphemes.pipeline.synthetic_data import SyntheticPlan
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import Workspace, find_workspace


@pytest.fixture
def workspace(untested, work) -> Workspace:
    return find_workspace(TrainSettings(data_dir=str(untested), work_dir=str(work)))


@pytest.fixture
def uneven(workspace, tmp_path) -> str:
    """Folds of 150 and 30 images; 20 are never validated."""
    folds = np.repeat([0, 1, -1], [150, 30, 20])
    table = pd.DataFrame({"image_id": workspace.labels["image_id"], "fold": folds})
    table.to_csv(tmp_path / "uneven.csv", index=False)
    return str(tmp_path / "uneven.csv")


def longest(settings: TrainSettings, workspace: Workspace) -> int:
    """The judge: training rows of the fold that has most, as a training finds them."""
    table, data = plan_folds(settings, workspace).table, open_training_data(workspace)
    folds = [fold for fold in table["fold"].unique() if fold >= 0]
    return max(len(rows_of_fold(data, table, str(f), settings, 0).shuffled) for f in folds)


@pytest.mark.parametrize("words", [{}, {"folds": "3"}, {"limit": 20}, {"folds": "uneven"}])
def test_an_epoch_has_the_rows_of_the_fold_with_most(words, workspace, uneven, tmp_path):
    (tmp_path / "out.txt").write_text("\n".join(workspace.labels["image_id"][:40]))
    words = {**words, "folds": uneven} if words.get("folds") == "uneven" else words
    for exclude in ({}, {"exclude": str(tmp_path / "out.txt")}):
        settings = TrainSettings(**words, **exclude)
        found = run_images(settings, workspace, None)
        # Folds that are still to be made don't lose the same number each: only then is it a guess.
        guessed = exclude and words.get("folds") != uneven and "limit" not in words
        assert abs(found.epoch - longest(settings, workspace)) <= (4 if guessed else 0)
        kept = 160 if exclude else 200
        assert found.labelled == (25 if "limit" in words else kept)
        joined = run_images(settings, workspace, None, pseudo=7)
        assert joined == Images(found.labelled + 7, found.epoch + 7)


def test_every_row_trains_where_no_fold_is_held_back(workspace):
    assert run_images(TrainSettings(fold="none"), workspace, None) == Images(200, 200)
    assert run_images(TrainSettings(limit=40), workspace, None) == Images(50, 40)


def test_real_images_are_counted_unless_synthetic_ones_do_all(workspace):
    drawn = SyntheticPlan(workspace, 7)
    lengths = [
        run_images(TrainSettings(synthetic="d", synthetic_share=share), workspace, drawn).epoch
        for share in ("0.5", "1:0.5", "1")
    ]
    assert lengths == [160, 160, 7]
