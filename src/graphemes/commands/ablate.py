"""ablate: trainings that differ in one thing, over seeds, and what each thing gains."""

from graphemes.experiments.ablation import run_ablation
from graphemes.foundation.settings.commands import AblateSettings


def run(settings: AblateSettings) -> None:
    """Train what isn't trained yet, as far as the minutes go; a table, a Parquet, a picture."""
    run_ablation(settings)
