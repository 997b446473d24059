"""doctor: what is here, whether the data is whole, and what a run would need."""

import platform
import shutil
from collections.abc import Iterator

import pandas as pd

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import gigabytes
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.machine import (
    SHARED_MEMORY,
    machine_name,
    shared_memory,
    usable_cores,
    usable_memory,
)
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import DoctorSettings, TrainSettings
from graphemes.foundation.settings.recipes import apply_recipe
from graphemes.foundation.versions import PACKAGES, commit, too_old, versions
from graphemes.images.dataset import loader_workers, shared_bytes
from graphemes.network.devices import choose_engine
from graphemes.pipeline.data_check import check_shards, check_synthetic, check_tables
from graphemes.pipeline.run_plan import folds_bytes
from graphemes.pipeline.workspace import DEMO_IMAGES, find_data, find_layout
from graphemes.synthesis.demo import is_demo

# Measured on two cores with 12,000 images, workers counted: what a run keeps for itself.
RUN_MEMORY = 3_000_000_000


def run(settings: DoctorSettings) -> None:
    """Print what was found; what is wrong with the data is said, not raised."""
    layout = find_layout(settings)
    for line in (*_software(), *_hardware(settings), *_places(layout)):
        say(line)
    directory = find_data(settings)
    if directory is None:
        say("data      none found: a run would use the demo (drawings made from fonts)")
        rows, labelled, demo = DEMO_IMAGES, DEMO_IMAGES, True
    else:
        say(f"data      {directory}")
        train_ids, test_ids = check_shards(directory, "train"), check_shards(directory, "test")
        check_tables(directory, train_ids, test_ids)
        rows, labelled = len(train_ids) + len(test_ids), len(train_ids)
        demo = is_demo(directory)
    if settings.synthetic is not None:
        rows += check_synthetic(settings.synthetic)
    _needs(settings, layout, rows)
    _needs_shared(settings, apply_recipe(TrainSettings(), demo, labelled))


def _software() -> Iterator[str]:
    found = versions()
    yield f"python    {found.pop('python')} on {platform.system()} {platform.machine()}"
    yield f"graphemes commit {_commit()}"
    yield "packages  " + ", ".join(f"{name} {version}" for name, version in found.items())
    names = tuple(package.name for package in PACKAGES)
    if missing := [name for name in names if name not in found]:
        yield f"missing   {', '.join(missing)}"
    if old := too_old(names):
        yield f"TOO OLD   {', '.join(old)}: bring them up to date with pip"


def _commit() -> str:
    known = commit(ROOT)
    if known is None:
        return f"unknown: {ROOT} is no checkout of git's, or its .git can't be read"
    if known.endswith("?"):
        return f"{known} (whether files were changed git doesn't say, if it is here at all)"
    return known


def _hardware(settings: DoctorSettings) -> Iterator[str]:
    engine = choose_engine(settings.device, settings.precision)
    memory = usable_memory()
    yield f"cores     {usable_cores()} usable, {machine_name()}"
    yield f"memory    {'unknown' if memory is None else gigabytes(memory)}"
    yield f"device    {engine.describe()}"


def _places(layout: Layout) -> Iterator[str]:
    yield f"work_dir  {layout.work_dir}"
    cached = sum(path.stat().st_size for path in layout.cache.glob("*.npy"))
    if cached:
        yield f"cache     {gigabytes(cached)} of decoded images in {layout.cache}"


def _needs(settings: DoctorSettings, layout: Layout, rows: int) -> None:
    """Say what a run takes and what there is."""
    folds = _folds(settings)
    disk = rows * PIXELS + folds_bytes(folds)
    free = shutil.disk_usage(layout.work_dir).free
    verdict = "enough" if free > disk else "TOO LITTLE"
    say(
        f"a run     needs {gigabytes(disk)} of disk for {rows:,} images and {folds} fold(s);"
        f" {gigabytes(free)} are free: {verdict}"
    )
    memory = usable_memory()
    enough = "" if memory is None else ": enough" if memory > RUN_MEMORY else ": TOO LITTLE"
    say(f"          needs {gigabytes(RUN_MEMORY)} of memory beside the system's file cache{enough}")


def _needs_shared(settings: DoctorSettings, run: TrainSettings) -> None:
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


def _folds(settings: DoctorSettings) -> int:
    """How many folds a run would train."""
    if isinstance(settings.fold, tuple):
        return len(settings.fold)
    if settings.fold == "none":
        return 1
    if isinstance(settings.folds, int):
        return settings.folds
    try:
        numbers = pd.read_csv(settings.folds, usecols=["fold"])["fold"]
        return int(numbers.max()) + 1
    except (OSError, ValueError) as error:
        raise DataError(f"{settings.folds}: can't be read: {error}") from None
