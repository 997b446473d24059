"""folds: write folds, stratified or with graphemes held out, and say how even they are."""

from pathlib import Path

from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import FoldsSettings
from graphemes.pipeline.fold_plan import plan_asked_folds
from graphemes.pipeline.workspace import find_workspace


def run(settings: FoldsSettings) -> None:
    """Folds from train.csv alone: no image is decoded."""
    workspace = find_workspace(settings)
    workspace.draw_demo()
    plan = plan_asked_folds(settings, workspace)
    plan.write()
    held_out = settings.by == "grapheme" or isinstance(settings.folds, Path)
    for line in plan.report_lines(held_out=held_out):
        say(line)
