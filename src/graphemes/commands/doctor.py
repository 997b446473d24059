"""doctor: what is here, whether the data is whole, and what a run would need."""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from graphemes.commands.preparation import DEMO_IMAGES
from graphemes.commands.train import FOLD_BYTES
from graphemes.foundation.birth import PACKAGES, commit, versions
from graphemes.foundation.errors import UserError
from graphemes.foundation.files import gigabytes
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.layout import ROOT, Layout, find_data, find_layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings import DoctorSettings
from graphemes.images.shards import find_shards, open_shard
from graphemes.judge.labels import read_labels
from graphemes.judge.submission import read_rows
from graphemes.network.devices import choose_engine, machine_name, usable_cores

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
        rows = sum(_shards(directory, part) for part in ("train", "test"))
        _tables(directory)
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
    memory = _memory()
    yield f"cores     {usable_cores()} usable, {machine_name()}"
    yield f"memory    {'unknown' if memory is None else gigabytes(memory)}"
    yield f"device    {engine.describe()}"


def _memory() -> int | None:
    """Bytes of memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _places(layout: Layout) -> Iterator[str]:
    yield f"work_dir  {layout.work_dir}"
    cached = sum(path.stat().st_size for path in layout.cache.glob("*.npy"))
    if cached:
        yield f"cache     {gigabytes(cached)} in {layout.cache}"


def _shards(directory: Path, part: str) -> int:
    """Say what shards there are; their rows."""
    rows, whole = 0, 0
    try:
        shards = find_shards(directory, "train" if part == "train" else "test")
    except UserError as error:
        say(f"  wrong   {error}")
        return 0
    for path in shards:
        try:
            with open_shard(path) as shard:
                rows += shard.rows
                whole += 1
        except UserError as error:
            say(f"  wrong   {error}")
    say(f"  {part:<7} {whole} of {len(shards)} shards are whole, {rows:,} images")
    return rows


def _tables(directory: Path) -> None:
    try:
        say(f"  labels  {len(read_labels(directory / 'train.csv')):,} in train.csv")
    except UserError as error:
        say(f"  wrong   {error}")
    try:
        say(f"  rows    {len(read_rows(directory).row_ids):,} in sample_submission.csv")
    except UserError as error:
        say(f"  wrong   {error}")


def _needs(settings: DoctorSettings, layout: Layout, rows: int) -> None:
    """Say what a run takes and what there is."""
    if isinstance(settings.fold, tuple):
        folds = len(settings.fold)
    elif settings.fold == "all" and isinstance(settings.folds, int):
        folds = settings.folds
    else:
        folds = 1
    disk = rows * PIXELS + folds * FOLD_BYTES
    free = shutil.disk_usage(layout.work_dir).free
    verdict = "enough" if free > disk else "TOO LITTLE"
    say(
        f"a run     needs {gigabytes(disk)} of disk for {rows:,} images and {folds} fold(s);"
        f" {gigabytes(free)} are free: {verdict}"
    )
    memory = _memory()
    enough = "" if memory is None else ": enough" if memory > RUN_MEMORY else ": TOO LITTLE"
    say(f"          needs {gigabytes(RUN_MEMORY)} of memory beside the system's file cache{enough}")
