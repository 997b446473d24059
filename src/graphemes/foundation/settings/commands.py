"""The settings of training and of what uses its results; and one table of all commands' models."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.exports import ExportSettings
from graphemes.foundation.settings.groups import (
    Folding,
    Learning,
    Machine,
    Places,
    Settings,
    check_fold,
)
from graphemes.foundation.settings.release import PackSettings
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
    SomePath,
    SomePaths,
    SyntheticSource,
    Wish,
)


class TrainSettings(Learning, Folding, Machine, Places):
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
        description="stop cleanly after the last epoch that fits; tables, submission not counted",
    )
    checkpointing: bool = Field(
        False, description="recompute blocks in the backward pass: less memory, slower"
    )
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


class ScoreSettings(Machine, Places):
    """Settings of score."""

    oof: SomePaths | None = Field(None, description="out-of-fold tables to read, .parquet")
    weights: SomePaths | None = Field(
        None, description="weights to score on data_dir's images outside their training rows"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time, with weights=")
    grapheme_pool: GraphemePool | Literal["none"] | None = Field(
        None, description="of weights with a grapheme_head; none: the three heads alone"
    )

    @model_validator(mode="after")
    def _scores_one_way(self) -> Self:
        if self.oof and self.weights:
            raise ValueError("oof and weights are two ways to score; give one of them")
        if self.grapheme_pool and not self.weights:
            raise ValueError(
                f"grapheme_pool={self.grapheme_pool}: tables hold probabilities that are pooled"
                " already; leave it out, or give weights="
            )
        return self


class PredictSettings(Machine, Places):
    """Settings of predict."""

    images: SomePath | None = Field(
        None, description="picture files to read instead: a file or a folder (images.csv)"
    )
    weights: SomePaths | None = Field(
        None, description="weights files or folders of them (default: the run's finished folds)"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time")
    grapheme_pool: GraphemePool | Literal["none"] | None = Field(
        None, description="of weights with a grapheme_head; none: the three heads alone"
    )
    overwrite: bool = Field(False, description="replace a submission of other weights or data")
    submission: CsvPath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )


class VersionSettings(Settings):
    """Settings of version: none."""


class DoctorSettings(Machine, Places):
    """Settings of doctor."""

    fold: FoldChoice = Field((0,), description="folds that a run would train")
    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")
    synthetic: SyntheticSource | None = Field(
        None, description="synthetic images that a run would be given"
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
    "pack": PackSettings,
    "export": ExportSettings,
}
