"""Settings: one frozen model a command, built from shared groups."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import (
    Architecture,
    Folding,
    Learning,
    Machine,
    Places,
    Settings,
    check_fold,
)
from graphemes.foundation.settings.trunks import check_trunk, supporting_trunks
from graphemes.foundation.settings.types import (
    Duration,
    FoldChoice,
    FoldRule,
    FoldSource,
    GraphemeChoice,
    GraphemePool,
    ImageSize,
    Size,
    SomePath,
    SomePaths,
    SyntheticSource,
    TrunkNames,
    Wish,
)

# Measured: trained on 12,950 drawings, read off 10,000 real images, one seed: 0.570 with 0, 0.613
# with 0.5, 0.607 with 0.8.
BALANCE = 0.6
LEAST_COMPARED = 100  # images: fewer say nothing of how drawings differ from real ones


class TrainSettings(Learning, Folding, Machine, Places):
    """Settings of train."""

    recipe: Literal["auto", "quick", "reference"] = Field(
        "auto", description="values for what isn't given; auto: quick on the demo, else reference"
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
    submission: SomePath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        check_fold(self.fold, self.folds)
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

    weights: SomePaths | None = Field(
        None, description="weights files or folders of them (default: the run's finished folds)"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time")
    grapheme_pool: GraphemePool | Literal["none"] | None = Field(
        None, description="of weights with a grapheme_head; none: the three heads alone"
    )
    overwrite: bool = Field(False, description="replace a submission of other weights or data")
    submission: SomePath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )


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


class SynthesiseSettings(Settings):
    """Settings of synthesise."""

    images: int | None = Field(
        None, ge=1, le=10_000_000, description="to draw (default 20,000), or to compare (2,000)"
    )
    graphemes: GraphemeChoice = Field(
        "all", description="those train.csv shows, the others that can be written, or a list"
    )
    out: SomePath | None = Field(
        None, description="directory to draw into, or for compare's pictures"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of everything drawn")
    balance: float = Field(
        BALANCE,
        ge=0,
        le=1,
        description="0: each grapheme as often; more: rare classes oftener than their graphemes",
    )
    tests: int = Field(0, ge=0, le=10_000_000, description="images of a test part, drawn besides")
    fonts: SomePath | None = Field(
        None, description="directory of .ttf and .otf files to use beside the shipped fonts"
    )
    compare: SomePath | None = Field(
        None, description="directory of real images to hold the drawings against"
    )
    work_dir: SomePath | None = Field(
        None, description="holds compare's data/cache/ and data/comparison/ (default: run.sh's)"
    )
    workers: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = Field(
        "auto", description="processes that draw; the bytes stay the same"
    )

    @model_validator(mode="after")
    def _draws_or_compares(self) -> Self:
        if self.compare is None:
            if self.out is None:
                raise ValueError("out: expected the directory to draw into, as out=data/drawings")
            return self
        idle = sorted({"graphemes", "tests", "balance"} & self.model_fields_set)
        if idle:
            raise ValueError(
                f"{idle[0]}: compare= draws what its images show; leave {' and '.join(idle)} out"
            )
        if self.images is not None and self.images < LEAST_COMPARED:
            raise ValueError(f"images={self.images}: expected {LEAST_COMPARED} or more to compare")
        return self


class BenchSettings(Machine, Places):
    """Settings of bench."""

    what: Literal["all", "decode", "step", "degradation"] = Field(
        "all", description="what to measure; degradation takes long, so all leaves it out"
    )
    repeats: int = Field(3, ge=1, le=100, description="of each; medians are printed")
    batch_size: int = Field(64, ge=2, le=65_536, description="of the training step")
    image_size: Size = Field(ImageSize(64, 64), description="of the training step")
    images: int = Field(512, ge=32, le=1_000_000, description="that degradation learns")
    epochs: int = Field(20, ge=1, le=10_000, description="of degradation's trainings")
    seeds: int = Field(2, ge=1, le=20, description="of degradation's trainings, each a pair")

    @model_validator(mode="after")
    def _degradation_is_precise(self) -> Self:
        if self.what == "degradation" and self.precision == "fp16":
            raise ValueError("precision=fp16: degradation has no use for it; expected fp32 or bf16")
        return self


class NetworksSettings(Architecture, Machine, Places):
    """Settings of networks."""

    trunk: TrunkNames | None = Field(  # type: ignore[assignment]  # several, where train takes one
        None, description="which to list; none: every trunk of our own"
    )
    image_size: Size = Field(ImageSize(64, 64), description="of the pictures")
    batch_size: int = Field(32, ge=2, le=65_536, description="images at a time")
    repeats: int = Field(3, ge=0, le=100, description="of each step timed, medians; 0 times none")

    @model_validator(mode="after")
    def _trunk_supports_options(self) -> Self:
        for name in self.trunk or supporting_trunks(self.trunk_options()):
            check_trunk(name, self.trunk_options())
        return self


# What each command reads from its words.
MODELS: dict[str, type[Settings]] = {
    "train": TrainSettings,
    "folds": FoldsSettings,
    "score": ScoreSettings,
    "predict": PredictSettings,
    "doctor": DoctorSettings,
    "synthesise": SynthesiseSettings,
    "networks": NetworksSettings,
    "bench": BenchSettings,
}
