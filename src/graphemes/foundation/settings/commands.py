"""The settings of training and of what uses its results; and one table of all commands' models."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.exports import ExportSettings
from graphemes.foundation.settings.groups import (
    SEEDS,
    Deciding,
    Folding,
    Learning,
    Machine,
    Places,
    Settings,
    check_fold,
    check_shares,
)
from graphemes.foundation.settings.release import PackSettings
from graphemes.foundation.settings.reports import ReportSettings
from graphemes.foundation.settings.serving import ServeSettings
from graphemes.foundation.settings.studies import (
    BenchSettings,
    NetworksSettings,
    SynthesiseSettings,
)
from graphemes.foundation.settings.types import (
    CsvPath,
    Duration,
    FoldChoice,
    FoldRule,
    FoldSource,
    GraphemePool,
    RunNames,
    Shares,
    SomePath,
    SomePaths,
    SyntheticSource,
    Tta,
    Wish,
)
from graphemes.foundation.settings.variations import Seeds, Variations, words_of
from graphemes.foundation.settings.words import read_words, shown


class TrainSettings(Learning, Folding, Deciding, Machine, Places):
    """Settings of train."""

    recipe: Literal["auto", "quick", "laptop", "kaggle", "best", "reference"] = Field(
        "auto",
        description="values for what isn't given; auto: quick on the demo, else (reference) kaggle"
        " on a GPU, laptop without",
    )
    fold: FoldChoice = Field((0,), description="which folds to train; none: every row, unvalidated")
    synthetic: SyntheticSource | None = Field(
        None, description="synthetic images that join each fold's training rows"
    )
    resume: Wish = Field(
        "auto", description="go on with an unfinished fold; true insists, false starts afresh"
    )
    time_limit: Duration | None = Field(
        None,
        description="stop cleanly after the last step that fits; the same command goes on",
    )
    checkpoint_minutes: float = Field(
        10.0,
        ge=0,
        le=1_000_000,
        description="between two states that a stopped run goes on from; 0: each step",
    )
    predict_anyway: bool = Field(
        False,
        description="stopped by time_limit or SIGTERM: a submission by the weights that there are",
    )
    checkpointing: bool = Field(
        False, description="recompute blocks in the backward pass: less memory, slower"
    )
    deterministic: bool = Field(
        False, description="on a GPU: the same weights bit for bit each time, as on a CPU; slower"
    )
    report: bool = Field(True, description="at the end write the run's page, folds/report.html")
    overwrite: bool = Field(False, description="replace results of other settings or data")
    submission: CsvPath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        check_fold(self.fold, self.folds)
        return self

    @model_validator(mode="after")
    def _patience_has_a_score(self) -> Self:
        if self.patience and self.fold == "none":
            raise ValueError(
                f"patience={self.patience}: fold=none has no score to wait for; leave one of both"
                " out"
            )
        return self

    @model_validator(mode="after")
    def _share_is_of_something(self) -> Self:
        if self.synthetic_share is not None and self.synthetic is None:
            raise ValueError(
                f"synthetic_share={self.synthetic_share}: there are no synthetic images;"
                " add synthetic=DIRECTORY or a number to draw, or leave it out"
            )
        if self.synthetic_share is not None and not any(self.synthetic_share):
            raise ValueError(
                "synthetic, synthetic_share=0: no synthetic image is shown; leave both out, or give"
                " synthetic_share above 0"
            )
        return self


class AblateSettings(TrainSettings):
    """Settings of ablate: those of train, for all of its runs, and what differs between them."""

    vary: Variations | None = Field(
        None, description="what to try beside the baseline, each alone: its settings joined by +"
    )
    seeds: Seeds = Field(1, description="of each variation's runs; the folds stay the first one's")
    passes: int | None = Field(
        None, ge=1, description="images that each run trains on, in place of epochs"
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="for all runs; one that won't end in time waits, or is resumed",
    )
    keep: bool = Field(False, description="keep the weights too, not only records and tables")

    # What has to be the same in all runs, or is no matter of a single one.
    _SHARED: ClassVar[frozenset[str]] = frozenset(Places.model_fields) | {
        "fold",
        "folds",
        "seed",
        "resume",
        "time_limit",
        "overwrite",
        "submission",
        "processes",
        "sync_norm",
        "decide",
        "report",
    }

    @property
    def chosen_seeds(self) -> tuple[int, ...]:
        """The seed of each run of a variation."""
        if isinstance(self.seeds, tuple):
            return self.seeds
        return tuple(range(self.seed, self.seed + self.seeds))

    def varied(self, variation: str) -> TrainSettings:
        """The settings of one variation's runs; those of the baseline of "". Raises SettingsError.

        Seed, name and epochs that `passes` asks for are still to be filled.
        """
        words = words_of(variation)
        shared = next((word for word in words if word.partition("=")[0] in self._SHARED), None)
        if shared is not None:
            key = shared.partition("=")[0]
            raise SettingsError(
                f"vary: {variation}: {key} is one for all runs; give it beside vary"
            )
        given = {
            key: getattr(self, key)
            for key in TrainSettings.model_fields
            if key in self.model_fields_set
        }
        try:
            settings = read_words(TrainSettings, words, given)
        except SettingsError as error:
            raise SettingsError(f"vary: {variation}: {error}") from None
        if self.passes is not None and "epochs" in settings.model_fields_set:
            where = f"vary: {variation}: " if variation else ""
            raise SettingsError(
                f"{where}passes, epochs: two ways to say how long; give one of them"
            )
        return settings

    @model_validator(mode="after")
    def _runs_are_trainings_to_compare(self) -> Self:
        reasons = {
            "submission": "no submission is made",
            "time_limit": "minutes= is for all runs",
        }
        for key, reason in reasons.items():
            if getattr(self, key) is not None:
                raise ValueError(f"{key}: ablate has no use for it, {reason}; leave it out")
        if self.fold == "none":
            raise ValueError("fold=none: nothing would be judged; expected folds, as fold=0")
        if self.processes > 1:
            raise ValueError(
                f"processes={self.processes}: ablate trains in one process; leave it out"
            )
        if self.sync_norm:
            raise ValueError("sync_norm=true: ablate trains in one process; leave it out")
        if self.resume == "true":
            raise ValueError(
                "resume=true: ablate goes on by itself with what is there; leave it out"
            )
        if isinstance(self.seeds, tuple) and "seed" in self.model_fields_set:
            raise ValueError(
                f"seed={self.seed}: seeds={shown(self.seeds)} names all seeds; leave seed out"
            )
        if self.chosen_seeds[-1] >= SEEDS:
            raise ValueError(
                f"seed={self.seed}, seeds={self.seeds}: the last would be {self.chosen_seeds[-1]},"
                f" expected at most {SEEDS - 1}; give a smaller seed"
            )
        return self

    @model_validator(mode="after")
    def _variations_can_be_trained(self) -> Self:
        for variation in ("", *(self.vary or ())):
            self.varied(variation)
        return self


class FoldsSettings(Folding, Places):
    """Settings of folds."""

    by: FoldRule = Field(
        "stratified", description="grapheme: a quarter of them each whole in one fold, unseen there"
    )
    overwrite: bool = Field(False, description="replace folds of other data, count or seed")

    @model_validator(mode="after")
    def _folds_are_made_or_read(self) -> Self:
        if self.by == "grapheme" and isinstance(self.folds, Path):
            raise ValueError(
                "by=grapheme makes new folds, folds=PATH reads a file; give one of them"
            )
        return self


class ScoreSettings(Deciding, Machine, Places):
    """Settings of score."""

    oof: SomePaths | None = Field(None, description="out-of-fold tables to read, .parquet")
    weights: SomePaths | None = Field(
        None, description="weights to score on data_dir's images outside their training rows"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time, with weights=")
    grapheme_pool: GraphemePool | Literal["none"] | None = Field(
        None, description="of weights with a grapheme_head; none: the three heads alone"
    )
    tta: Tta | None = Field(
        None, description="with weights=: views of a picture averaged (default: as trained)"
    )
    runs: RunNames | None = Field(
        None, description="runs whose shares are fitted on their tables (folds/shares.json)"
    )
    shares: Shares = Field("auto", description="of the runs: others that are scored beside")

    @model_validator(mode="after")
    def _scores_one_way(self) -> Self:
        if self.oof and self.weights:
            raise ValueError("oof and weights are two ways to score; give one of them")
        if self.runs and (self.oof or self.weights):
            raise ValueError(
                f"runs, {'oof' if self.oof else 'weights'}: two ways to score; give one of them"
            )
        check_shares(self.shares, self.runs)
        if self.tta and not self.weights:
            raise ValueError(
                f"tta={self.tta}: tables hold probabilities that are averaged already; leave it"
                " out, or give weights="
            )
        if self.grapheme_pool and not self.weights:
            raise ValueError(
                f"grapheme_pool={self.grapheme_pool}: tables hold probabilities that are pooled"
                " already; leave it out, or give weights="
            )
        return self


class PredictSettings(Deciding, Machine, Places):
    """Settings of predict."""

    images: SomePath | None = Field(
        None, description="picture files to read instead: a file or a folder (images.csv)"
    )
    weights: SomePaths | None = Field(
        None, description="weights files or folders of them (default: the run's finished folds)"
    )
    runs: RunNames | None = Field(
        None, description="runs that are averaged, each with its finished folds"
    )
    shares: Shares = Field(
        "auto", description="of the runs; auto: as `score runs=` fitted them, else equal"
    )
    tta: Tta | None = Field(
        None, description="views of a picture that are averaged (default: as trained)"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time")
    grapheme_pool: GraphemePool | Literal["none"] | None = Field(
        None, description="of weights with a grapheme_head; none: the three heads alone"
    )
    overwrite: bool = Field(False, description="replace a submission of other weights or data")
    submission: CsvPath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )

    @model_validator(mode="after")
    def _runs_are_all(self) -> Self:
        others = [key for key in ("weights", "images") if getattr(self, key)]
        if self.runs and others:
            raise ValueError(
                f"runs, {others[0]}: runs= reads the test shards with the runs' own weights; leave"
                f" {others[0]} out"
            )
        return self

    @model_validator(mode="after")
    def _shares_are_of_runs(self) -> Self:
        check_shares(self.shares, self.runs)
        return self


class VersionSettings(Settings):
    """Settings of version: none."""


class DoctorSettings(Machine, Places):
    """Settings of doctor."""

    fold: FoldChoice = Field((0,), description="folds that a run would train")
    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")
    synthetic: SyntheticSource | None = Field(
        None, description="synthetic images that a run would be given"
    )
    check: bool = Field(
        False, description="read shards, stores and results whole, and say what is damaged"
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        check_fold(self.fold, self.folds)
        return self


# What each command reads from its words.
MODELS: dict[str, type[Settings]] = {
    "train": TrainSettings,
    "folds": FoldsSettings,
    "score": ScoreSettings,
    "predict": PredictSettings,
    "doctor": DoctorSettings,
    "version": VersionSettings,
    "synthesise": SynthesiseSettings,
    "networks": NetworksSettings,
    "bench": BenchSettings,
    "ablate": AblateSettings,
    "report": ReportSettings,
    "serve": ServeSettings,
    "pack": PackSettings,
    "export": ExportSettings,
}
