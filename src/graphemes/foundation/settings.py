"""Settings: one frozen model a command, built from shared groups, checked at the door."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from graphemes.foundation.setting_types import (
    Crop,
    DeviceName,
    Duration,
    FoldChoice,
    FoldRule,
    FoldSource,
    GraphemeChoice,
    ImageSize,
    RunName,
    ShareOfEpochs,
    Size,
    SomePath,
    SomePaths,
    SyntheticSource,
    Wish,
    Workers,
)

# Measured: trained on 12,950 drawings, read off 10,000 real images, one seed: 0.570 with 0, 0.613
# with 0.5, 0.607 with 0.8.
BALANCE = 0.6


class Settings(BaseModel):
    """What every command's settings share: frozen, no unknown keys, no nan."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False
    )

    def with_values(self, values: dict[str, Any]) -> Self:
        """A checked copy with `values` in place of what the user left open."""
        given = {key: getattr(self, key) for key in self.model_fields_set}
        return type(self).model_validate({**values, **given})


class Places(Settings):
    """Where things are read and written."""

    data_dir: SomePath | None = Field(
        None, description="the competition's files (default: the usual places, else the demo)"
    )
    work_dir: SomePath | None = Field(
        None, description="holds folds/, submissions/, data/cache/ (default: beside run.sh)"
    )
    name: RunName | None = Field(
        None, description="keeps a run apart: folds/NAME/, submissions/NAME.csv"
    )


class Machine(Settings):
    """What it runs on."""

    device: DeviceName = Field("auto", description="auto takes a GPU if there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the arithmetic; auto takes what the device does fast"
    )
    workers: Workers | Literal["auto"] = Field(
        "auto", description="processes that make pictures; the pictures stay the same"
    )


class Folding(Settings):
    """How the images are split."""

    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")
    seed: int = Field(0, ge=0, lt=2**32, description="of folds, first weights and augmentation")


class Learning(Settings):
    """What decides which weights come out: two runs that differ here are different runs."""

    epochs: int = Field(40, ge=1, le=10_000, description="passes over the training rows")
    batch_size: int = Field(64, ge=2, le=65_536, description="images a step")
    lr: float = Field(3e-3, gt=0, le=10, description="highest learning rate of AdamW")
    weight_decay: float = Field(0.02, ge=0, le=10, description="of weights; norms, biases none")
    schedule: Literal["onecycle", "cosine"] = Field("onecycle", description="of the learning rate")
    warmup: float = Field(0.15, ge=0, lt=1, description="share of the steps spent warming up")
    clip: float = Field(5.0, gt=0, description="greatest norm of a step's gradient")
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the weights' running mean; 0: off")
    image_size: Size = Field(ImageSize(128, 128), description="of the pictures")
    crop: Crop = Field("ink", description="cut scans to their ink, or take them whole")
    shift: float = Field(0.06, ge=0, le=0.5, description="training: share of the side")
    scale: float = Field(0.15, ge=0, le=0.9, description="training: 0.1 is 0.9 to 1.1")
    rotate: float = Field(10.0, ge=0, le=180, description="training: degrees")
    shear: float = Field(10.0, ge=0, le=60, description="training: degrees")
    trunk: Literal["resnet34"] = Field("resnet34", description="the network below the heads")
    init: SomePath | None = Field(None, description="weights file to start from")
    limit: int | None = Field(
        None, ge=2, description="at most so many real rows of each fold's training and validation"
    )
    exclude: SomePath | None = Field(
        None, description="file of ids of train.csv to leave out, one a line; of no synthetic image"
    )
    synthetic_share: ShareOfEpochs | None = Field(
        None, description="of an epoch's pictures, with synthetic= (0.5); 1: synthetic ones alone"
    )


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
    overwrite: bool = Field(False, description="replace results of other settings or data")
    submission: SomePath | None = Field(
        None, description="where the CSV goes (default: submissions/)"
    )


class FoldsSettings(Folding, Places):
    """Settings of folds."""

    by: FoldRule = Field(
        "stratified", description="grapheme: a quarter of them each whole in one fold, unseen there"
    )
    overwrite: bool = Field(False, description="replace folds of other data, count or seed")


class ScoreSettings(Machine, Places):
    """Settings of score."""

    oof: SomePaths | None = Field(None, description="out-of-fold tables to read, .parquet")
    weights: SomePaths | None = Field(
        None, description="weights to score on data_dir's images outside their training rows"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time, with weights=")


class PredictSettings(Machine, Places):
    """Settings of predict."""

    weights: SomePaths | None = Field(
        None, description="weights files or folders of them (default: the run's finished folds)"
    )
    batch_size: int = Field(128, ge=1, le=65_536, description="images at a time")
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


class BenchSettings(Machine, Places):
    """Settings of bench."""

    what: Literal["all", "decode", "step"] = Field("all", description="what to measure")
    repeats: int = Field(3, ge=1, le=100, description="of each; medians are printed")
    batch_size: int = Field(64, ge=2, le=65_536, description="of the training step")
    image_size: Size = Field(ImageSize(64, 64), description="of the training step")
