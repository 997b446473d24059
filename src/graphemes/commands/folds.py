"""folds: write folds, stratified or with graphemes held out, and say how even they are."""

from pathlib import Path

from graphemes.competition.labels import read_labels
from graphemes.evaluation.fold_balance import quality_lines
from graphemes.evaluation.grapheme_folds import held_out_lines
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import FoldsSettings
from graphemes.pipeline.fold_plan import give_way, new_folds, plan_folds
from graphemes.pipeline.workspace import find_source


def run(settings: FoldsSettings) -> None:
    """Folds from train.csv alone: no image is decoded."""
    source = find_source(settings)
    labels = read_labels(source.directory / "train.csv")
    plan = plan_folds(settings, source, labels, settings.by)
    if plan.birth is None and plan.path != settings.folds:
        # Only this command asks whose seed it was: a run takes any folds that fit.
        asked = new_folds(settings, source, labels, settings.by)
        if not plan.table.equals(asked.table):
            assert plan.path
            problem = f"isn't what seed={settings.seed} gives"
            give_way(plan.path, problem, overwrite=settings.overwrite)
            plan = asked
    plan.write()
    say(f"{plan.path}: {len(plan.table):,} images")
    lines = quality_lines(plan.table)
    if settings.by == "grapheme" or isinstance(settings.folds, Path):
        lines += ["", *held_out_lines(plan.table)]
    for line in lines:
        say(line)
