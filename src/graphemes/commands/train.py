"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import os
import time

from graphemes.foundation.environment import rank_variables
from graphemes.foundation.progress import duration, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.ranks import Ranks, joined
from graphemes.pipeline.existing_results import remove_demo_folds
from graphemes.pipeline.prediction import predict_run
from graphemes.pipeline.run_plan import need_same_run, of_these_ranks, open_run, plan_run
from graphemes.pipeline.scoring import score_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.forecast import Deadline


def run(settings: TrainSettings) -> None:
    """The whole story, in this process or in each of those that torchrun started."""
    with joined(rank_variables(os.environ)) as ranks:
        _train(of_these_ranks(settings, ranks), ranks)


def _train(settings: TrainSettings, ranks: Ranks) -> None:
    """Find the workspace, make the plan, carry it out."""
    started = time.monotonic()
    deadline = Deadline(started + settings.time_limit if settings.time_limit else None)
    with ranks.first_before_others():  # they find folds.csv and the store made
        workspace = find_workspace(settings, ranks)
        plan = plan_run(settings, workspace)
        training = open_run(plan, deadline)
        plan.folds.write()
    need_same_run(training)

    if ranks.is_first:
        remove_demo_folds(workspace.layout, training.identity)
    training.train_all(plan.chosen)
    if not ranks.is_first:
        return
    ranks.work_alone()
    if settings.fold != "none":
        score_run(workspace.layout, settings.decide, training.identity)
    weights = [workspace.layout.fold(fold).weights for fold in plan.chosen]
    predict_run(workspace, plan.settings, weights, plan.prediction)
    say(f"done in {duration(time.monotonic() - started)}")
