"""Where everything lies: the root, and what is kept in a work directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]
_HAS_DOOR = (_CHECKOUT / "run.sh").is_file()
# The folder of run.sh; where the package was installed without it, the caller's.
ROOT = _CHECKOUT if _HAS_DOOR else Path.cwd()
DECISIONS = "decisions.json"  # in a run's folder, in a pack beside its folds, in a hub's folder
CALL = "bash run.sh" if _HAS_DOOR else "graphemes"  # what is typed before a command


@dataclass(frozen=True)
class FoldPaths:
    """One fold's folder and the files in it."""

    directory: Path

    @property
    def weights(self) -> Path:
        """The best epoch's weights."""
        return self.directory / "weights.safetensors"

    @property
    def hub_weights(self) -> Path:
        """The same file by its name in a hub's folder, which has no other of these files."""
        return self.directory / "model.safetensors"

    @property
    def run(self) -> Path:
        """The run record, written last: a fold with it is finished."""
        return self.directory / "run.json"

    @property
    def log(self) -> Path:
        """A line an epoch."""
        return self.directory / "log.jsonl"

    @property
    def curves(self) -> Path:
        """The picture of the log."""
        return self.directory / "curves.png"

    @property
    def oof(self) -> Path:
        """The out-of-fold table."""
        return self.directory / "oof.parquet"

    @property
    def number(self) -> int | None:
        """K of foldK; None for 'none' and for what isn't a fold's folder."""
        digits = self.directory.name.removeprefix("fold")
        return int(digits) if digits.isascii() and digits.isdigit() else None

    @property
    def finished(self) -> bool:
        """Whether its run record and its weights are there."""
        return self.run.is_file() and self.weights.is_file()

    @property
    def begun(self) -> bool:
        """Whether a training has left anything to go on with, or its end."""
        return self.finished or self.checkpoint.is_file()

    @property
    def unfinished(self) -> bool:
        """Whether a training is still to end here: its weights are those of an epoch on the way."""
        return self.state.is_dir() and not self.run.is_file()

    @property
    def state(self) -> Path:
        """What resume needs; gone when finished."""
        return self.directory / "state"

    @property
    def checkpoint(self) -> Path:
        """The learner after the last step that it was written after."""
        return self.state / "last.pt"


@dataclass(frozen=True)
class Layout:
    """The places of one run."""

    work_dir: Path
    name: str | None = None

    @property
    def cache(self) -> Path:
        """Stores of decoded images."""
        return self.work_dir / "data" / "cache"

    @property
    def folds_csv(self) -> Path:
        """The folds that all runs share."""
        return self.work_dir / "folds" / "folds.csv"

    @property
    def folds_by_grapheme_csv(self) -> Path:
        """Folds that hold graphemes out whole, for runs that ask for this path."""
        return self.folds_csv.with_name("folds-by-grapheme.csv")

    @property
    def run_dir(self) -> Path:
        """The folds of this run."""
        folds = self.work_dir / "folds"
        return folds / self.name if self.name else folds

    def fold(self, fold: int | str) -> FoldPaths:
        """The place of fold K, or of 'none'."""
        return FoldPaths(self.run_dir / f"fold{fold}")

    def folds(self) -> list[FoldPaths]:
        """The places of the folds that are there, finished or not, by number."""
        return numbered(self.run_dir)

    def folds_of_other_runs(self) -> list[FoldPaths]:
        """The places of folds that share folds.csv with this run's, run by run."""
        return [paths for run in self.runs() if run != self.run_dir for paths in numbered(run)]

    def runs(self) -> list[Path]:
        """The directories of all runs, the nameless one's first; some may hold no fold."""
        root = self.folds_csv.parent
        return [root, *sorted(path for path in root.glob("*") if path.is_dir())]

    @property
    def export(self) -> Path:
        """Where this run's networks go in other programs' forms, unless the user says otherwise."""
        return self.run_dir / "export"

    @property
    def ablation(self) -> Path:
        """The table of the runs that an ablation compares; its picture lies beside, as .png."""
        return self.run_dir / "ablation.parquet"

    @property
    def report(self) -> Path:
        """The page about this run."""
        return self.run_dir / "report.html"

    @property
    def comparison(self) -> Path:
        """The page about several runs side by side; of all runs."""
        return self.folds_csv.with_name("runs.html")

    @property
    def scores(self) -> Path:
        """The scores of this run's folds."""
        return self.run_dir / "scores.json"

    @property
    def shares(self) -> Path:
        """How much runs count that are averaged, for each set of them; of all runs."""
        return self.folds_csv.with_name("shares.json")

    @property
    def decisions(self) -> Path:
        """The decision rules fitted on this run's out-of-fold tables."""
        return self.run_dir / DECISIONS

    def ensemble_decisions(self, names: Sequence[str]) -> Path:
        """The decision rules fitted on the mixed tables of several runs; of all runs."""
        return self.folds_csv.parent / "ensembles" / ",".join(sorted(names)) / DECISIONS

    @property
    def submission(self) -> Path:
        """Where this run's submission goes, unless the user says otherwise."""
        return self.work_dir / "submissions" / f"{self.name or 'submission'}.csv"

    @property
    def image_table(self) -> Path:
        """What this run's networks read in picture files."""
        stem = f"{self.name}-images" if self.name else "images"
        return self.work_dir / "submissions" / f"{stem}.csv"


def numbered(directory: Path) -> list[FoldPaths]:
    """The folders fold0, fold1, ... in a directory, 10 after 9."""
    places = [FoldPaths(path) for path in directory.glob("fold*")]
    known = [(place.number, place) for place in places if place.number is not None]
    return [place for _, place in sorted(known, key=lambda pair: pair[0])]


def probabilities_beside(submission: Path) -> Path:
    """probabilities.parquet beside submission.csv; NAME-probabilities.parquet beside NAME.csv."""
    stem = "" if submission.stem == "submission" else f"{submission.stem}-"
    return submission.with_name(f"{stem}probabilities.parquet")
