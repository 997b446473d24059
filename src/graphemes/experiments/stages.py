"""The stages of a run as calls of a fresh process: the story of each, its seconds, its images.

What they say goes nowhere. Each takes the words of settings, so that it can be sent to a process.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graphemes.evaluation.folds import make_folds
from graphemes.experiments.bench_run import first_pictures, gpu_peak
from graphemes.experiments.step_speed import (
    endless_learner,
    forward_seconds,
    learner_seconds,
    steps_for,
)
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import silence
from graphemes.foundation.settings.commands import PredictSettings, TrainSettings
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.versions import versions
from graphemes.network.model import build_network
from graphemes.network.weights import WeightsRecord, load_weights, save_weights
from graphemes.pipeline.prediction import plan_prediction, predict_run
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.batch_room import random_batch

Words = dict[str, Any]  # of a command's settings


class Stage(NamedTuple):
    """What a stage took, start not counted."""

    seconds: float
    images: int


class Predicted(NamedTuple):
    """What predicting took, and the speed of the bare network in the same process."""

    seconds: float
    images: int
    bare: float  # images/s
    gpu: float | None  # GB of a CUDA device


def store(words: Words) -> Stage:
    """Make the store of the training shards."""
    with silence():
        started = time.perf_counter()
        data = open_training_data(find_workspace(TrainSettings(**words)))
        return Stage(time.perf_counter() - started, len(data.store.ids))


def folds(words: Words) -> Stage:
    """Read train.csv and make folds of it."""
    with silence():
        workspace = find_workspace(TrainSettings(**words))
        started = time.perf_counter()
        found = make_folds(workspace.labels, 5, 0)
        return Stage(time.perf_counter() - started, len(found))


def epoch(words: Words, images: int) -> Stage:
    """Train on so many images once, through everything."""
    with silence():
        settings = TrainSettings(**words)
        workspace = find_workspace(settings)
        data = open_training_data(workspace)
        pictures = first_pictures(settings, data, images, workspace.engine.device)
        network = build_network(settings, settings.image_size, 0)
        learner, batches = endless_learner(network, settings, workspace.engine), pictures.training()
        return Stage(learner_seconds(learner, batches.epoch(0)), batches.images)


def predict(words: Words, seconds: float) -> Predicted:
    """Shards to a submission, after and before so many seconds of the bare network."""
    with silence():
        settings = PredictSettings(**words)
        assert settings.weights is not None
        workspace = find_workspace(settings)
        network, record = load_weights(settings.weights[0])
        device = workspace.engine.device
        network = network.to(device).eval()
        size = Learning.model_validate({"image_size": record.settings["image_size"]}).image_size
        ink = random_batch(size, settings.batch_size, device)[0]
        forward_seconds(network, ink, workspace.engine, 1)  # what is done once
        one = forward_seconds(network, ink, workspace.engine, 1)
        steps = steps_for(seconds / 2, one)
        bare = forward_seconds(network, ink, workspace.engine, steps)
        started = time.perf_counter()
        plan = plan_prediction(workspace.directory)
        predict_run(workspace, settings, settings.weights, plan)
        took = time.perf_counter() - started
        bare += forward_seconds(network, ink, workspace.engine, steps)
        return Predicted(
            took, len(plan.rows.image_ids), 2 * steps * len(ink) / bare, gpu_peak(device)
        )


def fresh_weights(path: Path, learning: Learning) -> Path:
    """A weights file of a network that has learned nothing."""
    settings = {**learning.model_dump(mode="json", include=set(Learning.model_fields)), "seed": 0}
    network = build_network(learning, learning.image_size, 0)
    record = WeightsRecord(
        settings=settings,
        fold="0",
        epoch=1,
        score=None,
        digests={"data": "bench", "folds": "bench"},
        versions=versions(),
        demo=False,
        classes=[head.classes for head in HEADS],
    )
    save_weights(path, network.state_dict(), record, np.zeros(1, np.int64))
    return path
