"""predict: weights and test shards to a submission, or picture files to a table."""

from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.pipeline.image_reading import read_images
from graphemes.pipeline.prediction import plan_prediction, predict_run, predict_runs
from graphemes.pipeline.run_shares import run_shares
from graphemes.pipeline.trained_networks import (
    find_weights,
    finished_weights,
)
from graphemes.pipeline.workspace import find_workspace


def run(settings: PredictSettings) -> None:
    """Predict with the weights named, with the run's finished folds, or with several runs'."""
    if settings.images is not None:
        read_images(settings, settings.images)
        return
    if settings.runs is not None:
        _predict_runs(settings)
        return
    named = find_weights(settings.weights, say) if settings.weights else None
    workspace = find_workspace(settings)
    weights = named or finished_weights(workspace.layout)
    workspace.draw_demo()
    predict_run(workspace, settings, weights, plan_prediction(workspace.directory))


def _predict_runs(settings: PredictSettings) -> None:
    workspace = find_workspace(settings)
    runs = run_shares(workspace.layout, settings)
    workspace.draw_demo()
    predict_runs(workspace, settings, runs, plan_prediction(workspace.directory))
