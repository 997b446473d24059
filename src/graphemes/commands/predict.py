"""predict: weights and test shards to a submission in sample_submission.csv's rows and order."""

from graphemes.foundation.settings.commands import PredictSettings
from graphemes.network.devices import choose_engine
from graphemes.pipeline.prediction import plan_prediction, predict_run
from graphemes.pipeline.trained_networks import (
    find_weights,
    finished_weights,
)
from graphemes.pipeline.workspace import find_source


def run(settings: PredictSettings) -> None:
    """Predict with the weights named, or with the run's finished folds."""
    engine = choose_engine(settings.device, settings.precision)
    named = find_weights(settings.weights) if settings.weights else None
    source = find_source(settings)
    weights = named or finished_weights(source.layout)
    predict_run(source, engine, settings, weights, plan_prediction(source.directory))
