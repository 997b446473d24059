"""A whole run: store, folds.csv, training of the asked folds, tables, score, submission."""

import time
from pathlib import Path

from graphemes.foundation.errors import Stopped
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.progress import duration, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.ranks import ALONE, Ranks
from graphemes.pipeline.decisions import choose_rule
from graphemes.pipeline.existing_results import kept_identity, remove_demo_folds
from graphemes.pipeline.fold_training import FoldTraining
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.prediction import predict_run, prediction_pixels
from graphemes.pipeline.run_plan import RunPlan, need_same_run, open_run, plan_run
from graphemes.pipeline.scoring import score_run, scored_folds
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.forecast import Deadline
from graphemes.training.keeping import best_so_far


def train_run(settings: TrainSettings, ranks: Ranks = ALONE) -> FoldTraining:
    """Find the workspace, make the plan, carry it out, in each process that trains.

    Comes back with what was trained. Raises Stopped where a time limit or SIGTERM ends it first.
    """
    started = time.monotonic()
    deadline = Deadline(started + settings.time_limit if settings.time_limit else None)
    with ranks.first_before_others():  # they find folds.csv and the store made
        workspace = find_workspace(settings, ranks)
        plan = plan_run(settings, workspace)
        training = open_run(plan, deadline)
        plan.folds.write()
    need_same_run(training)
    _need_rule(plan, training)

    if ranks.is_first:
        remove_demo_folds(workspace.layout, training.identity)
    stop = None
    if settings.predict_anyway and plan.prediction is not None:
        networks = len(plan.chosen)
        deadline.afterwards = prediction_pixels(plan.prediction, plan.settings, networks)
    try:
        training.train_all(plan.chosen)
    except Stopped as early:
        stop = early
    if ranks.is_first:
        ranks.work_alone()
        _conclude(plan, training, stopped=stop is not None)
    if stop is not None:
        raise stop
    if ranks.is_first:
        say(f"done in {duration(time.monotonic() - started)}")
    return training


def _need_rule(plan: RunPlan, training: FoldTraining) -> None:
    """Raise DataError, before the training, for a rule by name that nothing will be fitted for.

    Of a run of every row no image is left to fit it on: a decisions.json of its folds has to be
    there.
    """
    if plan.settings.fold == "none" and plan.prediction is not None:
        weights = plan.workspace.layout.fold("none").weights
        choose_rule(plan.settings.decide, [weights], [training.identity])


def _conclude(plan: RunPlan, training: FoldTraining, *, stopped: bool) -> None:
    """Scores of the finished folds, and the submission; of a stopped run by what there is."""
    workspace, settings = plan.workspace, plan.settings
    layout = workspace.layout
    if settings.fold != "none" and (not stopped or scored_folds(layout, training.identity)):
        score_run(layout, settings.decide, training.identity)
    places = [layout.fold(fold) for fold in plan.chosen]
    weights = [place.weights for place in places]
    if stopped:
        if not settings.predict_anyway:
            return
        kept = [weights_so_far(place, training.identity) for place in places]
        weights = [path for path in kept if path is not None]
        if not weights:
            say("predict_anyway: there are no weights yet, so no submission")
            return
    predict_run(workspace, settings, weights, plan.prediction)


def weights_so_far(place: FoldPaths, asked: RunIdentity) -> Path | None:
    """The best weights of a fold that this run has trained; None where it kept none yet.

    With overwrite=true the folds that it didn't come to still hold another run's.
    """
    kept, status = kept_identity(place)
    if kept is None or kept.differences(asked):
        return None
    return place.weights if status == "finished" else best_so_far(place)
