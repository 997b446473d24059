"""What is attached to a notebook on Kaggle, by looking: owners name data sets as they like."""

import glob
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphemes.competition.shards import find_shards
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest, replacing
from graphemes.foundation.layout import DECISIONS, FoldPaths, Layout, numbered
from graphemes.foundation.progress import say
from graphemes.pipeline.run_shares import layout_of
from graphemes.pipeline.trained_networks import check_one_run, finished_weights
from graphemes.pipeline.workspace import COMPETITION, KAGGLE_WORKING
from graphemes.release.ensemble_file import ENSEMBLE, ensemble_words, read_ensemble

INPUT = Path("/kaggle/input")
WEIGHTS = FoldPaths(Path()).weights.name


def find_competition(root: Path = INPUT) -> Path:
    """The folder of the competition's files: test.csv, sample_submission.csv and test shards.

    One of Kaggle's own two places comes before any other. Raises DataError where there is none,
    or several elsewhere.
    """
    found = [
        path.parent
        for path in _attached(root, "sample_submission.csv")
        if path.with_name("test.csv").is_file() and find_shards(path.parent, "test")
    ]
    if not found:
        raise DataError(
            f"{root}: no folder with sample_submission.csv, test.csv and test_image_data_*.parquet;"
            f" attach the competition: Add Input, Competitions, {COMPETITION}"
        )
    usual = (root / COMPETITION, root / "competitions" / COMPETITION)
    genuine = next((folder for folder in usual if folder in found), None)
    if genuine is None and len(found) > 1:
        named = ", ".join(str(folder) for folder in found)
        raise DataError(f"{root}: the competition's files are there twice ({named}); detach one")
    return genuine or found[0]


@dataclass(frozen=True)
class Networks:
    """Trained networks that are attached, and what predict has to be told of them."""

    weights: dict[str, list[Path]]  # by run, those of its folds; by "" where they are of one run
    shares: list[float]  # of the runs
    words: dict[str, str]  # of predict, by key

    @property
    def files(self) -> list[Path]:
        """The weights of all runs."""
        return [path for own in self.weights.values() for path in own]

    @property
    def folds(self) -> dict[str, list[Path]]:
        """The folds' folders, by run."""
        return {name: [path.parent for path in own] for name, own in self.weights.items()}


def find_networks(root: Path = INPUT) -> Networks:
    """One run's finished folds, or the runs of a pack that are averaged.

    Raises DataError as find_weights_files does, for two such packs, and for weights beside one.
    """
    packs = {file_digest(path): path for path in reversed(_attached(root, ENSEMBLE))}
    if not packs:
        weights = find_weights_files(root)
        return Networks({"": weights}, [1.0], {"weights": ",".join(map(str, weights))})
    found, *others = packs.values()
    folder = found.parent
    inside = {file_digest(path) for path in _attached(folder, WEIGHTS)}
    others += [path for path in _attached(root, WEIGHTS) if file_digest(path) not in inside]
    if others:
        raise DataError(
            f"{others[0]}: is attached beside {found}, whose runs are averaged; detach one of them"
        )
    shares = read_ensemble(found)
    # predict knows runs by their folders in a place of its own; what is attached is read-only.
    layout = Layout(Path(tempfile.mkdtemp(prefix="graphemes-")))
    layout.folds_csv.parent.mkdir()
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        (layout.folds_csv.parent / path.name).symlink_to(path)
    if (folder / DECISIONS).is_file():
        decisions = layout.ensemble_decisions(list(shares))
        decisions.parent.mkdir(parents=True)
        shutil.copyfile(folder / DECISIONS, decisions)
    weights_of = {name: finished_weights(layout_of(layout, name)) for name in shares}
    for weights in weights_of.values():
        _need_real(weights)
    words = ensemble_words(shares) | {"work_dir": str(layout.work_dir)}
    return Networks(weights_of, list(shares.values()), words)


def find_weights_files(root: Path = INPUT) -> list[Path]:
    """The weights of one run's finished folds, of packs and of outputs of train, each once.

    Folds that aren't finished are left out with a word. Raises DataError where none is left, for
    weights of two runs, two of one fold, and those that have learned the demo's drawings.
    """
    found = _attached(root, WEIGHTS)
    begun = [path.parents[1] for path in _attached(root, "state/identity.json")]
    for directory in begun:
        if FoldPaths(directory).unfinished:
            say(f"{directory}: isn't finished, so left out; the train notebook goes on with it")
    distinct: dict[str, Path] = {}
    for path in found:
        if not FoldPaths(path.parent).unfinished:
            distinct.setdefault(file_digest(path), path)
    if not distinct:
        others = [path for kind in ("*.safetensors", "*.pt*") for path in _attached(root, kind)]
        named = f" (found {others[0]}, which isn't one)" if others else ""
        raise DataError(
            f"{root}: no {WEIGHTS} of a finished fold{named}; attach the data set that"
            " `bash run.sh pack` made, or the output of a train notebook that says finished"
        )
    weights = list(distinct.values())
    _need_real(weights)
    return weights


def _need_real(weights: Sequence[Path]) -> None:
    """Raise DataError for weights of two runs, two of one fold, those of the demo's drawings."""
    record = check_one_run(weights)
    if record is not None and record.demo:
        raise DataError(
            f"{weights[0]}: has learned the demo's drawings, not handwriting; train on the"
            " competition's images, and detach these weights"
        )


def find_earlier_folds(root: Path = INPUT) -> Path | None:
    """The folds/ of an earlier session's output; None where there is none.

    Raises DataError for two: which of them to go on with is for the user to say.
    """
    found = [path.parent for path in _attached(root, "folds/folds.csv")]
    if len(found) > 1:
        named = ", ".join(str(folder) for folder in found)
        raise DataError(f"{root}: the outputs of two sessions ({named}); detach all but the last")
    return found[0] if found else None


def restore_folds(earlier: Path | None, work: Path = KAGGLE_WORKING) -> None:
    """Copy an earlier session's folds to where this one goes on with them; what is there stays."""
    if earlier is None:
        say("no output of an earlier session is attached: the training starts afresh")
        return
    for source in sorted(path for path in earlier.rglob("*") if path.is_file()):
        target = work / "folds" / source.relative_to(earlier)
        if not target.exists():
            with replacing(target) as temporary:  # half a file would stay, as what is there
                shutil.copyfile(source, temporary)  # not its mode: the input is read-only
    for run in Layout(work).runs():
        for place in numbered(run):
            say(f"{place.directory}: {'finished' if place.finished else 'to go on with'}")


def _attached(root: Path, name: str) -> list[Path]:
    """The files of this name, whichever folder they are in; of one that is linked to, one."""
    # Not rglob: it doesn't go where links lead.
    found = [root / path for path in sorted(glob.glob(f"**/{name}", root_dir=root, recursive=True))]
    return list({path.resolve(): path for path in reversed(found)}.values())[::-1]
