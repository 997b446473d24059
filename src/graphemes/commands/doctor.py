"""doctor: what is here, whether the data is whole, and what a run would need."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pandas as pd

from graphemes.commands.preparation import DEMO_IMAGES
from graphemes.commands.train import folds_bytes
from graphemes.competition.labels import read_labels
from graphemes.competition.shards import find_shards, open_shard
from graphemes.competition.submission import read_rows
from graphemes.foundation.birth import PACKAGES, commit, versions
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import gigabytes
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.layout import ROOT, Layout, find_data, find_layout
from graphemes.foundation.machine import machine_name, usable_cores, usable_memory
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import DoctorSettings
from graphemes.network.devices import choose_engine
from graphemes.synthesis.manifest import whole_shards

SETTINGS = DoctorSettings
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
        rows = DEMO_IMAGES
    else:
        say(f"data      {directory}")
        train_ids, test_ids = _shards(directory, "train"), _shards(directory, "test")
        _tables(directory, train_ids, test_ids)
        rows = len(train_ids) + len(test_ids)
    if settings.synthetic is not None:
        rows += _synthetic(settings.synthetic)
    _needs(settings, layout, rows)


def _software() -> Iterator[str]:
    found = versions()
    yield f"python    {found.pop('python')} on {platform.system()} {platform.machine()}"
    yield f"graphemes commit {commit(ROOT) or 'unknown'}"
    yield "packages  " + ", ".join(f"{name} {version}" for name, version in found.items())
    missing = [name for name in PACKAGES if name not in found]
    if missing:
        yield f"missing   {', '.join(missing)}"


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


def _shards(directory: Path, part: Literal["train", "test"]) -> list[str]:
    """Say what shards there are; the ids in them."""
    ids: list[str] = []
    whole = 0
    try:
        shards = find_shards(directory, part)
    except UserError as error:
        say(f"  wrong   {error}")
        return ids
    for path in shards:
        try:
            with open_shard(path) as shard:
                ids += shard.ids
                whole += 1
        except UserError as error:
            say(f"  wrong   {error}")
    say(f"  {part:<7} {whole} of {len(shards)} shards are whole, {len(ids):,} images")
    return ids


def _tables(directory: Path, train_ids: list[str], test_ids: list[str]) -> None:
    """Say whether the CSVs are well and fit the shards."""
    _labels(directory, train_ids)
    try:
        rows = read_rows(directory)
        lacking = _lacking(rows.image_ids, test_ids)
        say(f"  rows    {len(rows.row_ids):,} in sample_submission.csv{lacking}")
    except UserError as error:
        say(f"  wrong   {error}")


def _labels(directory: Path, train_ids: list[str]) -> None:
    try:
        labelled = read_labels(directory / "train.csv")["image_id"].tolist()
        say(f"  labels  {len(labelled):,} in train.csv{_lacking(labelled, train_ids)}")
    except UserError as error:
        say(f"  wrong   {error}")


def _synthetic(source: int | Path) -> int:
    """Say whether synthetic images are whole; how many there are to decode."""
    if isinstance(source, int):
        say(f"synthetic {source:,} images, which a run would draw")
        return 2 * source  # their shards take room too
    directory = source
    say(f"synthetic {directory}")
    try:
        whole_shards(directory)
    except UserError as error:
        say(f"  wrong   {error}")
        return 0
    ids = _shards(directory, "train")
    _labels(directory, ids)
    return len(ids)


def _lacking(asked: list[str], there: list[str]) -> str:
    known = set(there)
    lacking = [name for name in asked if name not in known]
    if not lacking:
        return ", all in the shards"
    return f", WRONG: {len(lacking):,} of their images are in no shard, first '{lacking[0]}'"


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
