"""doctor check=true: all files that a run goes by are read whole, and held against checksums.

Scores, logs and curves are for people: nothing is decided by them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from graphemes.competition.shards import find_shards, open_shard, read_through
from graphemes.evaluation.decision_files import read_decisions
from graphemes.evaluation.probability_files import read_digests, read_whole
from graphemes.foundation.errors import DataError, UserError, one_line
from graphemes.foundation.files import file_digest
from graphemes.foundation.layout import DECISIONS, FoldPaths, Layout, numbered, probabilities_beside
from graphemes.foundation.progress import counted, progress, say
from graphemes.foundation.shortages import is_memory_shortage
from graphemes.images.store import kept_store
from graphemes.images.store_check import check_pixels
from graphemes.network.weights import check_weights
from graphemes.pipeline.belonging import check_fold_table, check_fold_weights
from graphemes.pipeline.existing_results import changed_submission
from graphemes.pipeline.fold_plan import changed_since, check_origin
from graphemes.pipeline.run_records import RunRecord, read_identity
from graphemes.pipeline.share_file import read_shares
from graphemes.training.checkpoints import check_checkpoint

Check = Callable[[Path], object]  # raises UserError about a file that isn't as it was written


def check_everything(layout: Layout, directory: Path | None) -> None:
    """Read shards, stores and results; say what is damaged. Raises DataError if anything is."""
    files = damaged = 0
    for path, check in _files(layout, directory):
        files += 1
        try:
            check(path)
        except UserError as error:
            damaged += 1
            say(f"  DAMAGED {error}")
        except Exception as error:  # lest the others stay unread
            if is_memory_shortage(error):
                raise
            damaged += 1
            fault = f"{type(error).__name__}: {one_line(error)}"
            say(f"  DAMAGED {path}: can't be read ({fault}); restore it, or delete it")
    say(f"check     {counted(files, 'file')} read, {damaged} of them damaged")
    if damaged:
        raise DataError(
            f"{damaged} of {files} files aren't as they were written; each is named above, with"
            " what to do"
        )


def _files(layout: Layout, directory: Path | None) -> Iterator[tuple[Path, Check]]:
    if directory is not None:
        for part in ("train", "test"):
            for path in find_shards(directory, part):
                yield path, _check_shard
    for path in sorted(layout.cache.glob("*.json")):
        if path.with_suffix(".npy").is_file():
            yield path.with_suffix(".npy"), _check_store
    yield from _files_of_all_runs(layout)
    for run in layout.runs():
        if (run / DECISIONS).is_file():
            yield run / DECISIONS, read_decisions
        for fold in [*numbered(run), FoldPaths(run / "foldnone")]:
            yield from _files_of(fold)
    for submission in sorted(layout.submission.parent.glob("*.csv")):
        if (beside := probabilities_beside(submission)).is_file():
            yield beside, read_whole
            yield submission, _check_submission


def _files_of_all_runs(layout: Layout) -> Iterator[tuple[Path, Check]]:
    for path in (layout.folds_csv, layout.folds_by_grapheme_csv):
        if path.is_file():
            yield path, _check_folds
    if layout.shares.is_file():
        yield layout.shares, lambda _: read_shares(layout)
    for path in sorted(layout.folds_csv.parent.glob(f"ensembles/*/{DECISIONS}")):
        yield path, read_decisions


def _files_of(fold: FoldPaths) -> Iterator[tuple[Path, Check]]:
    best = sorted(fold.state.glob("best-*.safetensors"))
    checks: list[tuple[Path, Check]] = [
        (fold.weights, lambda _: check_fold_weights(fold)),
        (fold.oof, lambda _: check_fold_table(fold)),
        (fold.run, RunRecord.read),
        (fold.checkpoint, check_checkpoint),
        (fold.state / "identity.json", read_identity),
        *((path, check_weights) for path in best),
    ]
    return ((path, check) for path, check in checks if path.is_file())


def _check_shard(path: Path) -> None:
    with open_shard(path) as shard, progress(f"reading {path.name}", shard.rows) as advance:
        read_through(shard, advance)


def _check_store(path: Path) -> None:
    store = kept_store(path.parent, path.stem)
    with progress(f"reading {path.name}", len(store.ids)) as advance:
        check_pixels(store, path, advance)


def _check_folds(path: Path) -> None:
    check_origin(path)
    if changed := changed_since(path):
        raise DataError(changed)


def _check_submission(path: Path) -> None:
    kept = read_digests(probabilities_beside(path))
    if changed := changed_submission(path, file_digest(path), kept):
        raise DataError(f"{changed} predict with overwrite=true makes it again")
