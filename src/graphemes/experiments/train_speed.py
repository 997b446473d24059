"""bench what=train: an epoch through everything against the bare step on the same batches."""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from graphemes.experiments.bench_run import CORES, Bench, Findings, forget_gpu_peak, gpu_peak
from graphemes.experiments.loader_speed import delivered
from graphemes.experiments.loss_comparison import compare_losses
from graphemes.experiments.step_speed import endless_learner, learner_seconds
from graphemes.experiments.timings import Figure, Mark, alternating, ratios
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.model import build_network
from graphemes.pipeline.fold_data import EpochLoader
from graphemes.training.epoch import Learner

_CPU, _GPU = Mark(0.95), Mark(0.9)  # issue 16's, of the bare step's speed
_KEPT = 16  # batches in memory, taken again and again
_SECONDS = 6.0  # of an epoch
_BARE = "bare step"


def variants(bench: Bench) -> dict[str, dict[str, Any]]:
    """The settings of each way through everything; the first is judged."""
    found = [{"workers": count} for count in bench.worker_counts(0, 1, CORES - 1)]
    found.append({"workers": "auto", "augment": "device"})
    return {_named(words): words for words in found}


def measure_train(bench: Bench) -> Findings:
    """Images a second of both at each size, then whether the losses are the plain way's."""
    figures: list[Figure] = []
    sizes = bench.settings.sizes
    for done, size in enumerate(sizes):
        figures += _epochs(bench.share(len(sizes) - done + 1), size)
    compared = compare_losses(bench, sizes[0])
    return Findings(figures + compared.figures, compared.notes)


def _named(words: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in words.items())


def _epochs(bench: Bench, size: ImageSize) -> list[Figure]:
    settings = bench.train_settings(size, workers=0)
    learner = endless_learner(build_network(settings, size, 0), settings, bench.engine)
    batch = min(bench.settings.batch, bench.rows)
    kept = _batches_in_memory(bench, settings, min(bench.rows, _KEPT * batch))
    learner_seconds(learner, kept[:1])  # what is done once
    speed = batch / learner_seconds(learner, kept[:1])
    images = bench.fitting(speed, _SECONDS, 2 * batch)
    bare = functools.partial(_bare_speed, learner, kept, images)
    ways = {}
    for name, words in variants(bench).items():
        batches = bench.pictures(bench.train_settings(size, **words), images).training()
        delivered(batches.epoch(0), bench)  # starts the workers
        ways[name] = functools.partial(_through_speed, learner, batches)
    forget_gpu_peak(bench.engine.device)
    judged, *others = ways
    mark = _GPU if bench.gpu else _CPU
    # The one that is judged has half of the time for itself: it needs the repeats.
    figures = _beside_bare(
        bench.share(2), size, bare, {judged: ways[judged]}, images=images, mark=mark
    )
    rest = {name: ways[name] for name in others}
    figures += _beside_bare(bench, size, bare, rest, images=images)[1:]
    peak = gpu_peak(bench.engine.device)
    if peak is not None:
        figures.append(Figure(f"GPU memory, {size}", "GB", (peak,), images))
    return figures


def _beside_bare(
    bench: Bench,
    size: ImageSize,
    bare: Callable[[], float],
    ways: Mapping[str, Callable[[], float]],
    *,
    images: int,
    mark: Mark | None = None,
) -> list[Figure]:
    """The bare step's figure, and that of each way with its ratio to the step of its round."""
    found = alternating({_BARE: bare, **ways}, bench.settings.repeats, bench.until)
    step = found.pop(_BARE)
    figures = [Figure(f"{_BARE}, {size}", "images/s", step, images)]
    for name, speeds in found.items():
        label = f"epoch, {size}, {name}"
        ratio = ratios(speeds, step)
        figures.append(Figure(label, "images/s", speeds, images, _BARE, ratio, mark))
    return figures


def _batches_in_memory(bench: Bench, settings: TrainSettings, images: int) -> list[Any]:
    device = bench.engine.device
    batches = bench.pictures(settings, images).training().epoch(0)
    return [(ink.to(device), labels.map(lambda x: x.to(device))) for ink, labels in batches]


def _bare_speed(learner: Learner, kept: list[Any], images: int) -> float:
    steps = max(1, round(images / len(kept[0][0])))
    batches = list(itertools.islice(itertools.cycle(kept), steps))
    return sum(len(ink) for ink, _ in batches) / learner_seconds(learner, batches)


def _through_speed(learner: Learner, batches: EpochLoader) -> float:
    return batches.images / learner_seconds(learner, batches.epoch(0))
