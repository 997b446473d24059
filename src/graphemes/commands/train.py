"""train: store, folds.csv, training of the asked folds, out-of-fold tables, score, submission."""

import os

from graphemes.foundation.environment import rank_variables
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.ranks import joined
from graphemes.pipeline.run_plan import of_these_ranks
from graphemes.pipeline.whole_run import train_run
from graphemes.report.writing import report_of_run


def run(settings: TrainSettings) -> None:
    """The whole story, in this process or in each of those that torchrun started; then its page."""
    with joined(rank_variables(os.environ)) as ranks:
        trained = train_run(of_these_ranks(settings, ranks), ranks)
        if ranks.is_first and settings.report and settings.fold != "none":
            report_of_run(trained.workspace, trained.data)
