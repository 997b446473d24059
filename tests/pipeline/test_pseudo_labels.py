"""Where pseudo labels come from: what the file says of it is held against the data here."""

from pathlib import Path

import numpy as np
import pytest

from conftest import TESTS
from graphemes.competition.shards import find_shards
from graphemes.evaluation.probability_files import write_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.recipes import RECIPES, Images
from graphemes.pipeline.prediction import origin_of_tests
from graphemes.pipeline.pseudo_labels import need_test_images, plan_pseudo
from graphemes.pipeline.workspace import find_workspace
from worlds import named


def test_labels_of_other_test_images_and_of_the_demos_networks_are_refused(
    kaggle_like: Path, tmp_path: Path
):
    workspace = find_workspace(Places(data_dir=kaggle_like, work_dir=tmp_path))
    made_of = origin_of_tests(workspace, find_shards(kaggle_like, "test"))
    sure = HEADS.map(lambda head: np.eye(head.classes, dtype=np.float32)[np.zeros(TESTS, int)])
    path = tmp_path / "theirs.parquet"

    def check(digests: dict[str, str]) -> None:
        write_probabilities(path, named(TESTS, part="Test"), sure, digests)
        need_test_images(plan_pseudo(TrainSettings(pseudo=path)), workspace)

    check({})
    check({**made_of, "demo": "False"})
    with pytest.raises(DataError, match=r"theirs\.parquet: made of other test images than those"):
        check({**made_of, "test": "other"})
    with pytest.raises(DataError, match=r"theirs\.parquet: made by networks that learned from the"):
        check({**made_of, "demo": "True"})


def test_what_the_recipes_smoothing_leaves_of_certainty_is_sure(tmp_path: Path):
    """The least loss of smoothed labels gives a sure class 1 - smoothing and its part of that."""
    path = tmp_path / "probabilities.parquet"
    share = RECIPES["laptop"](Images(9, 6), TrainSettings())["smoothing"]
    sure = HEADS.map(
        lambda head: (1 - share) * np.eye(head.classes)[[0] * TESTS] + share / head.classes
    )
    sure.vowel[4:] = 1 / HEADS.vowel.classes
    write_probabilities(path, named(TESTS, part="Test"), sure.map(np.float32), {})
    plan = plan_pseudo(TrainSettings(pseudo=path))
    assert plan.labels["image_id"].tolist() == named(4, part="Test")
