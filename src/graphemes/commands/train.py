"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import time

import pandas as pd

from graphemes.commands.fold_training import FoldTraining
from graphemes.commands.predict import Plan, plan_prediction, predict_run
from graphemes.commands.preparation import Source, find_source, open_training_data
from graphemes.commands.score import score_run
from graphemes.commands.second_time import (
    fold_status,
    forget_demo_folds,
    guard_submission,
    submission_origin,
)
from graphemes.commands.splitting import chosen_folds, excluded, plan_folds, unfolded
from graphemes.commands.synthetic_rows import epoch_length, open_synthetic, plan_synthetic
from graphemes.competition.labels import read_labels
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.files import need_space, need_writable
from graphemes.foundation.layout import find_data, find_layout
from graphemes.foundation.progress import duration, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import apply_recipe
from graphemes.network.devices import choose_engine
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import build_network
from graphemes.synthesis.demo import is_demo
from graphemes.training.fold import Deadline

SETTINGS = TrainSettings
WEIGHTS_BYTES = 4 * 21_400_000  # of a ResNet-34


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


def check_files(settings: TrainSettings, source: Source, labels: pd.DataFrame) -> Plan | None:
    """What the settings name and the end will need, looked at before the long work begins.

    What there is to predict, None if nothing.
    """
    excluded(settings.exclude, labels)
    need_writable(settings.submission or source.layout.submission)
    return plan_prediction(source.directory)


def check_places(training: FoldTraining, folds: list[str], weights: int) -> None:
    """What would stop the run at its folds or its end, before anything is written or removed."""
    settings, layout = training.settings, training.source.layout
    asked, overwrite = training.identity, settings.overwrite
    statuses = [fold_status(layout.fold(f), asked, overwrite=overwrite) for f in folds]
    if settings.resume == "true" and set(statuses) == {"empty"}:
        raise SettingsError(
            f"resume=true: {layout.fold(folds[0]).directory} holds nothing to go on with;"
            " resume=auto begins where there is nothing"
        )
    submission = settings.submission or layout.submission
    guard_submission(submission, submission_origin(asked), overwrite=overwrite)
    for fold in folds:
        training.rows(fold)
    begun_with = settings.init or settings.pretrained
    if begun_with and any(training.begins(fold) for fold in folds):
        initial_network(settings)  # before overwrite=true or resume=false clears anything
    need_space(layout.run_dir, folds_bytes(statuses.count("empty"), weights), "training")


def weights_bytes(settings: TrainSettings) -> int:
    """Bytes of the network's weights, built once: what it can't be is told before anything is done.

    Weights to begin with are read or fetched too, where the run has nothing to go on with.
    """
    directory = find_data(settings)
    filled = apply_recipe(settings, demo=directory is None or is_demo(directory), images=1)
    layout = find_layout(settings)
    if any(place.begun for place in (*layout.folds(), layout.fold("none"))):
        network = build_network(filled, filled.image_size)
    else:
        network = initial_network(filled)
    network.trunk.checkpointing = settings.checkpointing
    return sum(tensor.nbytes for tensor in network.state_dict().values())


def folds_bytes(folds: int, weights: int = WEIGHTS_BYTES) -> int:
    """Bytes of disk that training so many folds takes at most.

    While a fold is trained: best weights twice, a checkpoint of weights, mean and two moments.
    """
    return (6 + folds) * weights if folds else 0
