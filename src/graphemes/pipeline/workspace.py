"""Where a command reads and writes: the places of its results, the data found or drawn."""

import os
from dataclasses import dataclass
from pathlib import Path

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Places
from graphemes.synthesis.demo import is_demo, make_demo

COMPETITION = "bengaliai-cv19"

KAGGLE_WORKING = Path("/kaggle/working")

KAGGLE_INPUTS = (
    Path("/kaggle/input") / COMPETITION,
    Path("/kaggle/input/competitions") / COMPETITION,
)
DEMO_IMAGES = 3000


@dataclass(frozen=True)
class Source:
    """Where the data comes from and the results go."""

    layout: Layout
    directory: Path
    demo: bool


def find_source(settings: Places) -> Source:
    """The data directory of the settings, or the demo's, drawn now if it isn't there yet."""
    layout = find_layout(settings)
    directory = find_data(settings)
    if directory is not None:
        return Source(layout, directory, is_demo(directory))
    directory = demo_directory(layout)
    say(
        "*** DEMO: no competition data found, so this runs on drawings made from fonts;"
        " its scores say nothing about handwriting. README.md says how to get the data. ***"
    )
    if not is_demo(directory):
        say(f"drawing {DEMO_IMAGES:,} graphemes into {directory}")
    # What an earlier version drew, or a damaged demo, gives way.
    make_demo(directory, images=DEMO_IMAGES, replace=True)
    return Source(layout, directory, demo=True)


def find_layout(settings: Places) -> Layout:
    """The layout of the settings, its work directory made. Raises UserError if it can't be."""
    work_dir = settings.work_dir or (KAGGLE_WORKING if KAGGLE_WORKING.is_dir() else ROOT)
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"work_dir={work_dir}: can't be made: {error.strerror}") from None
    if not os.access(work_dir, os.W_OK):
        raise UserError(f"work_dir={work_dir}: can't be written; choose another with work_dir=PATH")
    return Layout(work_dir.resolve(), settings.name)


def find_data(settings: Places) -> Path | None:
    """The directory of the competition's files; None when there is none, so the demo's turn."""
    if settings.data_dir is not None:
        if not settings.data_dir.is_dir():
            raise DataError(f"data_dir={settings.data_dir}: no such directory")
        return settings.data_dir.resolve()
    places = (ROOT / "data" / COMPETITION, *KAGGLE_INPUTS)
    return next((place.resolve() for place in places if place.is_dir()), None)


def demo_directory(layout: Layout) -> Path:
    """Where the demo's data is: beside run.sh, or in work_dir where that can't be written."""
    base = ROOT if os.access(ROOT, os.W_OK) else layout.work_dir
    return base / "data" / "demo"
