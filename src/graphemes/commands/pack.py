"""pack: the package, weights and two notebooks in a folder to upload to Kaggle."""

from graphemes.foundation.settings.release import PackSettings
from graphemes.release.pack_plan import plan_pack
from graphemes.release.packing import write_pack


def run(settings: PackSettings) -> None:
    """Choose the folds, refuse what wouldn't serve, write the folder."""
    write_pack(plan_pack(settings))
