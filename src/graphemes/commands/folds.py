"""folds: write folds, stratified or with graphemes held out, and say how even they are."""

from pathlib import Path

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import FoldsSettings
from graphemes.pipeline.fold_plan import plan_asked_folds
from graphemes.pipeline.workspace import find_workspace


def run(settings: FoldsSettings) -> None:
    """Folds from train.csv alone: no image is decoded."""
    brought = isinstance(settings.folds, Path)
    if settings.by == "grapheme" and brought:
        raise SettingsError(
            "by=grapheme makes new folds, folds=PATH reads a file; give one of them"
        )
    workspace = find_workspace(settings)
    workspace.draw_demo()
    plan = plan_asked_folds(settings, workspace)
    plan.write()
    for line in plan.report_lines(held_out=settings.by == "grapheme" or brought):
        say(line)
