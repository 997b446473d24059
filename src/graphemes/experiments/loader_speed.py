"""bench what=loader: pictures a second from the loader alone, and what one costs of a core."""

import functools
import time
from collections.abc import Iterable
from typing import Any

from graphemes.experiments.bench_run import CORES, Bench, Findings, synchronize
from graphemes.experiments.timings import Figure, Mark, alternating
from graphemes.foundation.settings.types import ImageSize
from graphemes.pipeline.fold_data import FoldData

# Milliseconds of a core for a training picture: issue 16's marks, by the picture's side.
COSTS = {64: Mark(0.25, "most"), 128: Mark(0.4, "most")}
_KINDS = ("training", "plain")


def measure_loader(bench: Bench) -> Findings:
    """Images a second to the device, without a network; a core's milliseconds a picture."""
    figures: list[Figure] = []
    sizes = bench.settings.sizes
    for done, size in enumerate(sizes):
        shared = bench.share(len(sizes) - done)
        made = {
            count: bench.pictures(bench.train_settings(size, workers=count), _images(bench, count))
            for count in bench.worker_counts(0, 1, 2, CORES)
        }
        for kind in _KINDS:
            figures += _rates(shared, kind, size, made)
        figures += [_cost(shared, kind, size, made[0]) for kind in _KINDS]
    return Findings(figures)


def _rates(
    bench: Bench, kind: str, size: ImageSize, made: dict[int | str, FoldData]
) -> list[Figure]:
    loaders = {count: batches_of(kind, pictures) for count, pictures in made.items()}
    # Starts the workers, and fills the system's file cache.
    counts = {count: delivered(batches, bench) for count, batches in loaders.items()}
    ways = {
        str(count): functools.partial(_speed, batches, bench) for count, batches in loaders.items()
    }
    found = alternating(ways, bench.settings.repeats, bench.until)
    return [
        Figure(f"{kind} pictures, {size}, workers={count}", "images/s", found[str(count)], images)
        for count, images in counts.items()
    ]


def _images(bench: Bench, workers: int | str) -> int:
    """So many that each worker has some batches to make."""
    each = CORES if workers == "auto" else int(workers)
    return min(bench.rows, 1024 * max(2, each))


def batches_of(kind: str, pictures: FoldData) -> Iterable[Any]:
    """The batches of training's first epoch, or of validation."""
    return pictures.training().epoch(0) if kind == "training" else pictures.validation


def delivered(batches: Iterable[Any], bench: Bench) -> int:
    """How many images came to the device."""
    images = 0
    for ink, _ in batches:
        images += len(ink.to(bench.engine.device, non_blocking=True))
    synchronize(bench.engine.device)
    return images


def _speed(batches: Iterable[Any], bench: Bench) -> float:
    started = time.perf_counter()
    images = delivered(batches, bench)
    return images / (time.perf_counter() - started)


def _cost(bench: Bench, kind: str, size: ImageSize, pictures: FoldData) -> Figure:
    """Time of all of this process's threads: what the pictures cost, not how long one waited."""
    batches = batches_of(kind, pictures)
    images = delivered(batches, bench)

    def milliseconds() -> float:
        started = time.process_time()
        delivered(batches, bench)
        return 1000 * (time.process_time() - started) / images

    values = alternating({kind: milliseconds}, bench.settings.repeats, bench.until)[kind]
    mark = COSTS.get(size.height) if kind == "training" and size.height == size.width else None
    return Figure(f"one {kind} picture, {size}", "ms of a core", values, images, mark=mark)
