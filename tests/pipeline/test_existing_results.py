"""What stood there is kept until what takes its place is whole, and is told from other runs'."""

import json
from pathlib import Path

import numpy as np
import pytest

import worlds
from graphemes.evaluation.decide import Argmax
from graphemes.evaluation.probability_files import read_digests
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import FoldPaths, probabilities_beside
from graphemes.pipeline import prediction
from graphemes.pipeline.existing_results import changed_submission, guard_submission
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.prediction import PredictionPlan, plan_prediction
from graphemes.pipeline.whole_run import weights_so_far

ORIGIN = {"settings": "s", "demo": "False"}
ASKED = RunIdentity({"lr": 1.0}, {"data": "d"}, [168, 11, 7], demo=False)


@pytest.fixture
def plan(tmp_path) -> PredictionPlan:
    return plan_prediction(worlds.write_test_images(tmp_path / "data", 3))


def write(path: Path, plan: PredictionPlan, label: int) -> None:
    found = PerHead(*(np.eye(head.classes, dtype=np.float32)[[label] * 3] for head in HEADS))
    prediction._write(path, plan, found, Argmax(), ORIGIN)


def test_a_submission_stays_until_the_next_is_whole(plan, tmp_path, monkeypatch):
    path = tmp_path / "submission.csv"
    write(path, plan, 1)
    before = {one: one.read_bytes() for one in (path, probabilities_beside(path))}

    def full(*_: object) -> None:
        raise UserError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(prediction, "write_probabilities", full)
        with pytest.raises(UserError):
            write(path, plan, 2)
    assert {one: one.read_bytes() for one in before} == before
    assert guard_submission(path, ORIGIN, overwrite=False)["settings"] == "s"


def test_an_end_between_its_two_files_is_no_change_of_somebodys(plan, tmp_path):
    path = tmp_path / "submission.csv"
    write(path, plan, 1)
    old = path.read_bytes()
    write(path, plan, 2)
    new = path.read_bytes()
    path.write_bytes(old)  # as if it had been ended before the second move
    kept = read_digests(probabilities_beside(path))
    assert changed_submission(path, file_digest(path), kept) is None
    assert guard_submission(path, ORIGIN, overwrite=False) == {}, "it is made again"
    path.write_bytes(new)
    assert guard_submission(path, ORIGIN, overwrite=False)["settings"] == "s"
    path.write_bytes(old.replace(b"1", b"3"))
    with pytest.raises(PlaceTaken, match="was it changed"):
        guard_submission(path, ORIGIN, overwrite=False)


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_that_was_stopped_predicts_by_its_own_weights_alone(tmp_path, finished):
    """With overwrite=true the folds that it didn't come to still hold another run's."""
    place = FoldPaths(tmp_path / "fold0")
    assert weights_so_far(place, ASKED) is None
    best = place.state / "best-2.safetensors"
    weights = worlds.write_fold(place.directory, "0", finished=finished)
    record = place.run if finished else place.state / "identity.json"
    place.state.mkdir(exist_ok=True)
    best.write_bytes(weights.read_bytes())
    for lr, mine in ((1.0, True), (2.0, False)):
        identity = RunIdentity({"lr": lr}, {"data": "d"}, [168, 11, 7], demo=False)
        record.write_text(json.dumps({"identity": identity.as_json()}))
        wanted = (weights if finished else best) if mine else None
        assert weights_so_far(place, ASKED) == wanted
