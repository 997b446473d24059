"""Whether training as fast as here learns what the plain way learns: losses side by side."""

from typing import Any

from graphemes.experiments.bench_run import Bench, Findings
from graphemes.experiments.plain_step import PLAIN, PlainTraining
from graphemes.experiments.timings import Figure, Mark, deviation
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.model import build_network
from graphemes.training.epoch import make_learner, train_epoch

EPOCHS = 3
_SEEDS = 3  # of first weights, in ours: how much a loss moves without any reason
_SECONDS = 30.0  # of the plain training


def compare_losses(bench: Bench, size: ImageSize) -> Findings:
    """Mean losses of three epochs, plain and ours, from the same weights on the same batches."""
    settings = bench.train_settings(size, workers=bench.settings.workers, epochs=EPOCHS)
    device, batch = bench.engine.device, min(bench.settings.batch, bench.rows)
    plain = PlainTraining(build_network(settings, size, 0), settings, PLAIN, device)
    trial = _epochs(bench, settings, batch)[0][0]
    plain.seconds(trial, 1)
    speed = batch / plain.seconds(trial, 1)
    images = bench.fitting(speed, _SECONDS / EPOCHS, 2 * batch)
    batches = _epochs(bench, settings, images)
    fresh = PlainTraining(build_network(settings, size, 0), settings, PLAIN, device)
    theirs = fresh.epochs(batches)
    ours = [_ours(bench, settings, size, batches, seed) for seed in range(_SEEDS)]
    figures = []
    for epoch in range(EPOCHS):
        label = f"loss of epoch {epoch + 1}, {size}"
        own = tuple(losses[epoch] for losses in ours)
        figures.append(Figure(f"{label}, plain", "", (theirs[epoch],), images))
        figures.append(Figure(f"{label}, ours ({_SEEDS} first weights)", "", own, images))
        mark = Mark(2 * deviation(own), "most") if epoch + 1 == EPOCHS else None
        gap = abs(own[0] - theirs[epoch])  # of the same first weights
        figures.append(Figure(f"{label}, difference", "", (gap,), images, mark=mark))
    note = f"losses: the mark is two standard deviations of ours over {_SEEDS} first weights"
    return Findings(figures, [note])


def _epochs(bench: Bench, settings: Any, images: int) -> list[list[Any]]:
    """The batches of each epoch on the device, the same for whoever trains."""
    device = bench.engine.device
    loader = bench.pictures(settings, images).training()
    return [
        [(ink.to(device), labels.map(lambda x: x.to(device))) for ink, labels in loader.epoch(k)]
        for k in range(EPOCHS)
    ]


def _ours(
    bench: Bench, settings: Learning, size: ImageSize, batches: list[list[Any]], seed: int
) -> list[float]:
    steps = sum(map(len, batches))
    learner = make_learner(build_network(settings, size, seed), settings, bench.engine, steps)
    return [
        train_epoch(learner, epoch, (0, 0, number), lambda count, **facts: None).loss
        for number, epoch in enumerate(batches)
    ]
