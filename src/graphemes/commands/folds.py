"""folds: write folds.csv and say how well it stratifies."""

from pathlib import Path

from graphemes.commands.preparation import find_source, new_folds, prepare_folds
from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.progress import say
from graphemes.foundation.settings import FoldsSettings
from graphemes.judge.folds import make_folds
from graphemes.judge.labels import read_labels
from graphemes.judge.shares import quality_lines

SETTINGS = FoldsSettings


def run(settings: FoldsSettings) -> None:
    """Folds from train.csv alone: no image is decoded."""
    source = find_source(settings)
    labels = read_labels(source.directory / "train.csv")
    path = source.layout.folds_csv
    there = path.exists()
    table = prepare_folds(settings, source, labels)
    if isinstance(settings.folds, Path):
        path = settings.folds
    elif there and not (table["fold"] == make_folds(labels, settings.folds, settings.seed)).all():
        # Only this command asks whose seed it was: a run takes any folds that fit.
        if not (settings.overwrite or source.demo):
            raise PlaceTaken(
                f"{path}: it isn't what seed={settings.seed} gives;"
                " overwrite=true replaces it, work_dir=PATH keeps both"
            )
        table = new_folds(settings, source, labels)
    say(f"{path}: {len(table):,} images")
    for line in quality_lines(table):
        say(line)
