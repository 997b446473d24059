"""folds: write folds.csv and say how well it stratifies."""

from pathlib import Path

from graphemes.commands.preparation import find_source
from graphemes.commands.splitting import give_way, new_folds, plan_folds
from graphemes.foundation.progress import say
from graphemes.foundation.settings import FoldsSettings
from graphemes.judge.labels import read_labels
from graphemes.judge.shares import quality_lines

SETTINGS = FoldsSettings


def run(settings: FoldsSettings) -> None:
    """Folds from train.csv alone: no image is decoded."""
    source = find_source(settings)
    labels = read_labels(source.directory / "train.csv")
    plan = plan_folds(settings, source, labels)
    path = source.layout.folds_csv
    if isinstance(settings.folds, Path):
        path = settings.folds
    elif plan.birth is None:
        # Only this command asks whose seed it was: a run takes any folds that fit.
        asked = new_folds(settings, source, labels)
        if not plan.table.equals(asked.table):
            problem = f"isn't what seed={settings.seed} gives"
            give_way(path, problem, source.layout, overwrite=settings.overwrite)
            plan = asked
    plan.write(source.layout)
    say(f"{path}: {len(plan.table):,} images")
    for line in quality_lines(plan.table):
        say(line)
