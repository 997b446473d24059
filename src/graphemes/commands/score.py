"""score: out-of-fold tables, or weights and labelled images, to a table of recalls."""

from graphemes.foundation.settings.commands import ScoreSettings
from graphemes.pipeline.ensemble_decisions import decide_mixture
from graphemes.pipeline.run_shares import fit_run_shares
from graphemes.pipeline.scoring import score_run, score_tables, score_weights
from graphemes.pipeline.workspace import find_layout


def run(settings: ScoreSettings) -> None:
    """Runs side by side, tables that are named, weights that are named, or the run's own tables."""
    if settings.runs:
        layout = find_layout(settings)
        found = fit_run_shares(layout, settings.runs, settings.shares)
        decide_mixture(layout, found, settings.decide)
    elif settings.oof:
        score_tables(settings.oof, settings)
    elif settings.weights:
        score_weights(settings.weights, settings)
    else:
        score_run(find_layout(settings), settings.decide)
