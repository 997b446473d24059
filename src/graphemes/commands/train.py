"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import time

from graphemes.competition.labels import read_labels
from graphemes.foundation.progress import duration, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import apply_recipe
from graphemes.network.devices import choose_engine
from graphemes.pipeline.existing_results import (
    forget_demo_folds,
)
from graphemes.pipeline.fold_plan import chosen_folds, plan_folds, unfolded
from graphemes.pipeline.fold_training import FoldTraining
from graphemes.pipeline.prediction import predict_run
from graphemes.pipeline.run_checks import check_files, check_places, weights_bytes
from graphemes.pipeline.scoring import score_run
from graphemes.pipeline.synthetic_data import epoch_length, open_synthetic, plan_synthetic
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_source
from graphemes.training.fold import Deadline


def run(settings: TrainSettings) -> None:
    """The whole story."""
    started = time.monotonic()
    deadline = Deadline(started + settings.time_limit if settings.time_limit else None)
    engine = choose_engine(settings.device, settings.precision)
    synthetic = plan_synthetic(settings)
    size = weights_bytes(settings)
    source = find_source(settings)
    labels = read_labels(source.directory / "train.csv")
    settings = apply_recipe(settings, source.demo, epoch_length(settings, labels, synthetic))
    asked = check_files(settings, source, labels)
    plan = unfolded(labels) if settings.fold == "none" else plan_folds(settings, source, labels)
    folds = chosen_folds(settings, plan.table)
    data = open_training_data(source, labels, open_synthetic(synthetic))
    training = FoldTraining(settings, source, data, plan.table, engine, deadline)
    check_places(training, folds, size)
    plan.write()
    forget_demo_folds(source.layout, training.identity)
    for fold in folds:
        training.train(fold)
    if settings.fold != "none":
        score_run(source.layout, training.identity)
    weights = [source.layout.fold(fold).weights for fold in folds]
    predict_run(source, engine, settings, weights, asked)
    say(f"done in {duration(time.monotonic() - started)}")
