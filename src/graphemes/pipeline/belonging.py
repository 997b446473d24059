"""Whether a fold's weights and table are those that its run record tells of, or another run's."""

from graphemes.evaluation.oof import MADE_BY, read_oof
from graphemes.evaluation.probability_files import read_digests
from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import FoldPaths
from graphemes.network.weights import check_weights, read_record
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_records import read_identity


def check_weights_belong(paths: FoldPaths) -> None:
    """Raise DataError where a fold's weights say another run than its run record does."""
    record, kept = read_record(paths.weights), read_identity(paths.run)
    own = RunIdentity.of_weights(record)
    if not kept.settings or own.differs_in_views_alone(kept):
        return  # of an earlier version; or a run was ended between the two
    if found := own.differences(kept, f"in {paths.run.name}"):
        raise DataError(
            f"{paths.weights}: isn't of the run that {paths.run.name} beside it tells of"
            f" ({'; '.join(found[:3])}); put the right one back"
        )


def check_table(paths: FoldPaths) -> None:
    """Raise DataError where a fold's table is of another run than its run record is of.

    Tables of earlier versions don't say.
    """
    said, kept = read_digests(paths.oof).get(MADE_BY), read_identity(paths.run)
    if said not in (None, made_by(kept)):
        raise DataError(
            f"{paths.oof}: isn't of the run that {paths.run.name} beside it tells of; put the right"
            " one back, or delete it: the run's own command makes it again"
        )


def check_fold_weights(paths: FoldPaths) -> None:
    """Read all of a fold's weights. DataError: damaged, or not those of the run record, if any."""
    check_weights(paths.weights)
    if paths.run.is_file():
        check_weights_belong(paths)


def check_fold_table(paths: FoldPaths) -> None:
    """Read all of a fold's table. DataError: damaged, or not that of the run record, if any."""
    read_oof(paths.oof)
    if paths.run.is_file():
        check_table(paths)


def made_by(identity: RunIdentity) -> str:
    """What a table says of the run that made it; its views have a word of their own."""
    return identity.without_views().settings_digest
