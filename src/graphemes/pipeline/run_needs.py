"""What a run takes of disk, memory and shared memory, held against what is there."""

import pandas as pd

from graphemes.evaluation.folds import fold_count, highest_fold, read_folds
from graphemes.foundation.errors import UserError
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.layout import Layout
from graphemes.foundation.machine import SHARED_MEMORY, shared_memory, usable_memory
from graphemes.foundation.places import free_space, gigabytes
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import DoctorSettings, TrainSettings
from graphemes.foundation.settings.groups import no_such_fold
from graphemes.foundation.settings.types import FoldSource
from graphemes.images.dataset import loader_workers, shared_bytes
from graphemes.network.devices import choose_engine
from graphemes.pipeline.run_plan import folds_bytes

# Measured on two cores with 12,000 images, workers counted: what a run keeps for itself.
RUN_MEMORY = 3_000_000_000


def check_folds(settings: DoctorSettings, labels: pd.DataFrame | None) -> int:
    """How many folds a run would train, one where that isn't known; says what is wrong.

    labels: train.csv's where it can be read.
    """
    count: int | None = None
    try:
        count = _count(settings.folds, labels)
    except UserError as error:
        say(f"  wrong   {error}")
    if settings.fold == "none":
        return 1
    if settings.fold == "all":
        return count or 1
    if count is not None and (outside := [fold for fold in settings.fold if fold >= count]):
        say(f"  wrong   {no_such_fold(outside[0], count)}")
    return len(settings.fold)


def _count(folds: FoldSource, labels: pd.DataFrame | None) -> int:
    if isinstance(folds, int):
        return folds
    return highest_fold(folds) + 1 if labels is None else fold_count(read_folds(folds, labels))


def say_needs(layout: Layout, rows: int, folds: int) -> None:
    """Say what a run of so many images and folds takes of disk and memory, and what there is."""
    disk = rows * PIXELS + folds_bytes(folds)
    free = free_space(layout.work_dir)
    verdict = "enough" if free > disk else "TOO LITTLE"
    say(
        f"a run     needs {gigabytes(disk)} of disk for {rows:,} images and {folds} fold(s);"
        f" {gigabytes(free)} are free: {verdict}"
    )
    memory = usable_memory()
    enough = "" if memory is None else ": enough" if memory > RUN_MEMORY else ": TOO LITTLE"
    say(f"          needs {gigabytes(RUN_MEMORY)} of memory beside the system's file cache{enough}")


def say_shared_needs(settings: DoctorSettings, run: TrainSettings) -> None:
    """Say what a run's workers take of shared memory and what there is."""
    free = shared_memory()
    if free is None:
        return
    device = choose_engine(settings.device, settings.precision).device
    workers = loader_workers(settings.workers, device)
    height, width = run.image_size
    # Validation takes two batches at a time.
    needed = shared_bytes(workers, 2 * run.batch_size * height * width * 4)
    verdict = "enough" if free >= needed else "TOO LITTLE, fewer would make the pictures"
    say(
        f"          needs {gigabytes(needed)} of {SHARED_MEMORY} for {workers} worker(s) at"
        f" batch_size={run.batch_size} image_size={run.image_size}; {gigabytes(free)} are free:"
        f" {verdict}"
    )
