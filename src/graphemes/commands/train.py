"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import time

from graphemes.foundation.progress import duration, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.pipeline.existing_results import remove_demo_folds
from graphemes.pipeline.prediction import predict_run
from graphemes.pipeline.run_plan import open_run, plan_run
from graphemes.pipeline.scoring import score_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.fold import Deadline


def run(settings: TrainSettings) -> None:
    """The whole story: find the workspace, make the plan, carry it out."""
    started = time.monotonic()
    deadline = Deadline(started + settings.time_limit if settings.time_limit else None)
    workspace = find_workspace(settings)

    plan = plan_run(settings, workspace)
    training = open_run(plan, deadline)

    plan.folds.write()
    remove_demo_folds(workspace.layout, training.identity)
    for fold in plan.chosen:
        training.train(fold)
    if settings.fold != "none":
        score_run(workspace.layout, training.identity)
    weights = [workspace.layout.fold(fold).weights for fold in plan.chosen]
    predict_run(workspace, plan.settings, weights, plan.prediction)
    say(f"done in {duration(time.monotonic() - started)}")
