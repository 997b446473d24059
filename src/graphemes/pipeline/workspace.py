"""Where a command reads and writes: the places of its results, the data found or drawn."""

import dataclasses
import functools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from graphemes.competition.labels import read_labels
from graphemes.competition.mirror import mirror
from graphemes.competition.pointers import is_mirror
from graphemes.foundation.addresses import Address
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.machine import keep_freed_memory
from graphemes.foundation.places import need_utf8, no_directory, reason
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Machine, Places
from graphemes.foundation.settings.types import Wish
from graphemes.network.devices import Engine, choose_engine, idle_gpu
from graphemes.network.ranks import ALONE, Ranks
from graphemes.pipeline.leftovers import clear_leftovers
from graphemes.synthesis.demo import is_demo, make_demo

COMPETITION = "bengaliai-cv19"

KAGGLE_WORKING = Path("/kaggle/working")

KAGGLE_INPUTS = (
    Path("/kaggle/input") / COMPETITION,
    Path("/kaggle/input/competitions") / COMPETITION,
)
DEMO_IMAGES = 3000


@dataclass(frozen=True)
class Workspace:
    """Where the data comes from, where results go, and what it runs on."""

    layout: Layout
    directory: Path  # of the competition's files, or where the demo's are or will be
    demo: bool
    draws_demo: bool = False  # there is no data, so the demo's is drawn when it is needed
    invert: Wish = "auto"  # which of the scans are turned; never those of the demo
    device: str = "auto"  # as the settings have it, and precision
    precision: str = "auto"
    ranks: Ranks = ALONE  # the processes that it runs in

    @functools.cached_property
    def engine(self) -> Engine:
        """The device and its precision. Raises SettingsError for one that isn't here."""
        return choose_engine(self.device, self.precision, self.ranks)

    @functools.cached_property
    def labels(self) -> pd.DataFrame:
        """train.csv, N rows: image_id and three label columns. Raises DataError."""
        return read_labels(self.directory / "train.csv")

    @property
    def labelled_images(self) -> int:
        """How many there are, or will be when the demo is drawn."""
        undrawn = self.draws_demo and not is_demo(self.directory)
        return DEMO_IMAGES if undrawn else len(self.labels)

    def draw_demo(self) -> None:
        """Draw the demo unless it is there; where there is data do nothing."""
        if not self.draws_demo:
            return
        if not is_demo(self.directory):
            say(f"drawing {DEMO_IMAGES:,} graphemes into {self.directory}")
        # What an earlier version drew, or a damaged demo, gives way.
        make_demo(self.directory, images=DEMO_IMAGES, replace=True)


def find_workspace(settings: Places, ranks: Ranks = ALONE) -> Workspace:
    """The places and the device of the settings; without data the demo's turn is said.

    Raises UserError where results can't be put, DataError for a data_dir that isn't there,
    SettingsError for a device that this machine lacks. Nothing is drawn yet (`draw_demo`).
    """
    layout, directory = find_layout(settings), find_data(settings)
    clear_leftovers(layout)
    demo = directory is None or is_demo(directory)
    workspace = Workspace(
        layout,
        directory or demo_directory(layout),
        demo,
        draws_demo=directory is None,
        invert="false" if demo else settings.invert,
    )
    if isinstance(settings, Machine):
        asked = {"device": settings.device, "precision": settings.precision}
        workspace = dataclasses.replace(workspace, **asked, ranks=ranks)
        # A device that isn't here is refused before all else.
        if workspace.engine.device.type == "cpu":
            keep_freed_memory()
        if settings.device == "auto" and (sentence := idle_gpu()):
            say(f"WARNING: {sentence}, so it runs on the {workspace.engine.device.type.upper()}")
    if directory is None:
        say(
            "*** DEMO: no competition data found, so this runs on drawings made from fonts;"
            " its scores say nothing about handwriting. README.md says how to get the data. ***"
        )
    return workspace


def find_layout(settings: Places) -> Layout:
    """The layout of the settings, its work directory made. Raises UserError if it can't be."""
    work_dir = settings.work_dir or (KAGGLE_WORKING if KAGGLE_WORKING.is_dir() else ROOT)
    need_utf8(work_dir)
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"work_dir={work_dir}: can't be made: {reason(work_dir, error)}; choose another with"
            " work_dir=PATH"
        ) from None
    try:
        with tempfile.TemporaryFile(dir=work_dir):  # the administrator may write, even in /proc
            pass
    except OSError as error:
        raise UserError(
            f"work_dir={work_dir}: can't be written: {error.strerror}; choose another with"
            " work_dir=PATH"
        ) from None
    return Layout(work_dir.resolve(), settings.name)


def find_data(settings: Places) -> Path | None:
    """The directory of the competition's files; None when there is none, so the demo's turn."""
    if settings.data_dir is not None:
        if not isinstance(settings.data_dir, Path):
            return _mirrored(settings.data_dir, find_layout(settings))
        if not settings.data_dir.is_dir():
            raise DataError(
                f"data_dir={settings.data_dir}: {no_directory(settings.data_dir)}; give the folder"
                " of the competition's files, or leave it out"
            )
        if is_mirror(settings.data_dir):
            raise DataError(
                f"data_dir={settings.data_dir}: its shards only point to others, elsewhere; give"
                " the address that they were listed at"
            )
        return settings.data_dir.resolve()
    places = (ROOT / "data" / COMPETITION, *KAGGLE_INPUTS)
    found = next((place.resolve() for place in places if place.is_dir()), None)
    if found is not None:
        need_utf8(found)
    return found


def _mirrored(address: Address, layout: Layout) -> Path:
    directory = mirror(address, layout.cache)
    say(f"{address}: its tables are copied to {directory}; shards are read from where they are")
    return directory


def demo_directory(layout: Layout) -> Path:
    """Where the demo's data is: beside run.sh, or in work_dir where that can't be written."""
    base = ROOT if os.access(ROOT, os.W_OK) else layout.work_dir
    need_utf8(base)
    return base / "data" / "demo"
