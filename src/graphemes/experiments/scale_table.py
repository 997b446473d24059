"""bench what=scale: what a row costs where there are more, larger pictures, more processes."""

import functools
import json
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd

from graphemes.competition.labels import read_labels
from graphemes.evaluation.folds import make_folds
from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.command_processes import run_command
from graphemes.experiments.loader_speed import delivered
from graphemes.experiments.step_speed import (
    endless_learner,
    learner_seconds,
    steps_for,
)
from graphemes.experiments.store_speed import open_seconds
from graphemes.experiments.timings import Figure, alternating, ratios_to
from graphemes.foundation.errors import UserError
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.model import build_network
from graphemes.pipeline.fold_data import EpochLoader
from graphemes.training.batch_room import MemoryBatch, random_batch
from graphemes.training.epoch import Learner

_SIDES = (32, 64, 128)
_PROCESSES = (1, 2)
_STEP_SECONDS = 0.6  # of a timing of steps
_PICTURES = 512
_TRAINED = 1_024  # images of an epoch with one or two processes


def measure_scale(bench: Bench) -> Findings:
    """Cost a row by rows, by size of the pictures, by processes."""
    figures = [*_by_rows(bench.share(3)), *_by_size(bench.share(2))]
    found = _by_processes(bench)
    notes = ["by workers: see loader and train", *found.notes]
    return Findings(figures + found.figures, notes)


def _by_rows(bench: Bench) -> list[Figure]:
    """Milliseconds a row of making a store and folds, over those of an eighth of the rows."""
    first: dict[str, Figure] = {}
    figures = []
    for rows in bench.multiples():
        labels = read_labels(bench.data.training(rows) / "train.csv")
        _fold_cost(labels)  # imports what it needs
        ways = {
            "store": functools.partial(_store_cost, bench, rows),
            "folds": functools.partial(_fold_cost, labels),
        }
        for name, values in alternating(ways, bench.settings.repeats, bench.until).items():
            figures.append(_beside(first, name, f"{name}, {rows:,} rows", values, rows))
    return figures


def _beside(
    first: dict[str, Figure], kind: str, name: str, values: tuple[float, ...], images: int
) -> Figure:
    """A figure with its ratio to the first of its kind; of the first, without."""
    if kind not in first:
        first[kind] = Figure(name, "ms a row", values, images)
        return first[kind]
    least = first[kind]
    ratio = ratios_to(values, least.values)
    return Figure(name, "ms a row", values, images, least.name, ratio)


def _store_cost(bench: Bench, rows: int) -> float:
    with tempfile.TemporaryDirectory(dir=scratch(bench, "stores")) as directory:
        sources = bench.data.shards(rows)
        return 1000 * open_seconds(sources, Path(directory), new=True) / rows


def _fold_cost(labels: pd.DataFrame) -> float:
    started = time.perf_counter()
    make_folds(labels, min(5, len(labels)), 0)
    return 1000 * (time.perf_counter() - started) / len(labels)


def _by_size(bench: Bench) -> list[Figure]:
    """Milliseconds an image of a training step, and of a picture made by this process."""
    sizes = [bench.settings.image_size] if bench.settings.image_size else map(_square, _SIDES)
    first: dict[str, Figure] = {}
    figures = []
    for size in sizes:
        settings = bench.train_settings(size, workers=0)
        images = min(bench.rows, _PICTURES)
        learner = endless_learner(build_network(settings, size, 0), settings, bench.engine)
        batch = random_batch(size, bench.settings.batch, bench.engine.device)
        learner_seconds(learner, [batch])  # what is done once
        steps = steps_for(_STEP_SECONDS, learner_seconds(learner, [batch]))
        batches = bench.pictures(settings, images).training()
        ways = {
            "training step": functools.partial(_step_cost, learner, [batch] * steps),
            "picture": functools.partial(_picture_cost, bench, batches),
        }
        for name, values in alternating(ways, bench.settings.repeats, bench.until).items():
            count = images if name == "picture" else steps * bench.settings.batch
            figures.append(_beside(first, name, f"{name}, {size}", values, count))
    return figures


def _square(side: int) -> ImageSize:
    return ImageSize(side, side)


def _step_cost(learner: Learner, batches: list[MemoryBatch]) -> float:
    images = sum(len(ink) for ink, _ in batches)
    return 1000 * learner_seconds(learner, batches) / images


def _picture_cost(bench: Bench, batches: EpochLoader) -> float:
    started = time.perf_counter()
    images = delivered(batches.epoch(0), bench)
    return 1000 * (time.perf_counter() - started) / images


def _by_processes(bench: Bench) -> Findings:
    """Milliseconds an image of train's second epoch, where it can be given processes."""
    first: dict[str, Figure] = {}
    figures: list[Figure] = []
    images = min(_TRAINED, bench.rows)
    for count in _PROCESSES:
        try:
            values = (_epoch_cost(bench, images, count),)
        except (UserError, subprocess.TimeoutExpired) as error:  # as where there are fewer GPUs
            return Findings(figures, [f"processes={count} isn't measured: {error}"])
        figures.append(_beside(first, "epoch", f"epoch, processes={count}", values, images))
    return Findings(figures)


def _epoch_cost(bench: Bench, images: int, processes: int) -> float:
    place = scratch(bench, "processes")
    settings = bench.train_settings(bench.settings.sizes[0], work_dir=str(place))
    given = settings.model_dump(mode="json", include=settings.model_fields_set)
    given |= {"batch_size": max(2, bench.settings.batch // processes), "limit": images}
    given |= {"epochs": 2, "processes": processes, "overwrite": "true"}
    ended = run_command(["train", *(f"{key}={value}" for key, value in given.items())], place)
    if ended.code:
        raise UserError(f"train ended with {ended.code}: {ended.said}")
    log = Layout(place).fold(0).log.read_text(encoding="utf-8").splitlines()
    return 1000 / float(json.loads(log[-1])["images_per_second"])
