"""The groups that commands' settings are built from: frozen models, checked at the door.

What contradicts what is said by validators beside the fields, which raise ValueError with the
sentence that the command line prints.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphemes.foundation.progress import counted
from graphemes.foundation.settings.trunks import OPTIONS, check_trunk
from graphemes.foundation.settings.types import (
    TIMM,
    Attention,
    Crop,
    DataPlace,
    Decide,
    DeviceName,
    EraseKind,
    FoldChoice,
    FoldSource,
    GraphemePool,
    HeadWeights,
    ImageSize,
    LossName,
    LossWeights,
    Mix,
    Pool,
    RunName,
    RunNames,
    ShareOfEpochs,
    Shares,
    Shortcut,
    Size,
    Sizes,
    SomePath,
    Stem,
    TrunkName,
    Tta,
    Widths,
    Wish,
    Workers,
)
from graphemes.foundation.settings.words import shown


@dataclass(frozen=True)
class Newer:
    """Marks a field that results of the first format lack: at its default it changes nothing."""


NEWER = Newer()
SEEDS = 2**32  # how many there are, from 0
SUM_TOLERANCE = 1e-6  # of shares: what people round off isn't more


class Settings(BaseModel):
    """What every command's settings share: frozen, no unknown keys, no nan."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False
    )

    def with_values(self, values: dict[str, Any]) -> Self:
        """A checked copy with `values` in place of what the user left open."""
        given = {key: getattr(self, key) for key in self.model_fields_set}
        return type(self).model_validate({**values, **given})

    def differs(self, key: str) -> bool:
        """Whether a setting isn't its default."""
        return bool(getattr(self, key) != type(self).model_fields[key].default)


class Places(Settings):
    """Where things are read and written."""

    data_dir: DataPlace | None = Field(
        None, description="the competition's files (default: the usual places, else the demo)"
    )
    work_dir: SomePath | None = Field(
        None, description="holds folds/, submissions/, data/cache/ (default: beside run.sh)"
    )
    name: RunName | None = Field(
        None, description="keeps a run apart: folds/NAME/, submissions/NAME.csv"
    )
    invert: Wish = Field(
        "auto", description="scans white on black: auto turns the mostly dark, true all, false none"
    )


class Deciding(Settings):
    """How probabilities become labels."""

    decide: Decide = Field(
        "auto", description="probabilities to labels; auto: the rule that won on the run's tables"
    )


class Machine(Settings):
    """What it runs on."""

    device: DeviceName = Field("auto", description="auto takes a GPU if there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of autocast; auto takes what the device does fast"
    )
    workers: Workers | Literal["auto"] = Field(
        "auto", description="processes that make pictures; the pictures stay the same"
    )

    @model_validator(mode="after")
    def _device_has_precision(self) -> Self:
        if self.precision == "fp16" and self.device == "cpu":
            raise ValueError("precision=fp16 needs a GPU; on a CPU use precision=bf16 or fp32")
        return self


class Folding(Settings):
    """How the images are split."""

    folds: FoldSource = Field(5, description="how many folds, or a CSV with image_id, fold")
    seed: int = Field(0, ge=0, lt=SEEDS, description="of folds, first weights and augmentation")


def check_fold(fold: FoldChoice, folds: FoldSource) -> None:
    """Raise ValueError for a fold beyond the count; how many a file has, only the file says."""
    if isinstance(fold, tuple) and isinstance(folds, int) and max(fold) >= folds:
        outside = min(one for one in fold if one >= folds)
        raise ValueError(no_such_fold(outside, folds))


def no_such_fold(fold: int, count: int) -> str:
    """The sentence on a fold that isn't among so many."""
    return f"fold={fold}: there are {count} folds, expected 0 to {count - 1}, all or none"


def check_shares(shares: Shares, runs: RunNames | None) -> None:
    """Raise ValueError for shares that aren't one for each of the runs, with a sum of 1."""
    text = f"shares={shown(shares)}"
    if shares != "auto" and runs is None:
        raise ValueError(f"{text}: there are no runs to share; add runs=NAME,NAME, or leave it out")
    if runs is None or not isinstance(shares, tuple):
        return
    if len(shares) != len(runs):
        raise ValueError(
            f"{text}: expected {len(runs)}, one for each of runs={shown(runs)}, got {len(shares)}"
        )
    if abs(sum(shares) - 1) > SUM_TOLERANCE:
        raise ValueError(f"{text}: expected a sum of 1, got {sum(shares):.6g}")


class Architecture(Settings):
    """Which network: with the size of the pictures, all that its tensors' shapes hang on."""

    trunk: TrunkName = Field("resnet34", description="the network below the heads")
    shortcut: Annotated[Shortcut, NEWER] = Field(
        "project", description="where a block changes shape: 1x1 convolution, zeros; none: plain"
    )
    stem: Annotated[Stem, NEWER] = Field(
        "7x7", description="the first convolution, of stride 2 (3x3s1: 1); deep: three of 3x3"
    )
    stem_pool: Annotated[bool, NEWER] = Field(
        True, description="the stem's max pooling; false for small pictures"
    )
    widths: Annotated[Widths, NEWER] = Field(
        (64, 128, 256, 512), description="channels of the four stages' 3x3 convolutions"
    )
    attention: Annotated[Attention, NEWER] = Field(
        "none", description="in every residual block, before its sum"
    )
    pool: Annotated[Pool, NEWER] = Field(
        "avg", description="from feature maps to features; gem: of what is above 0"
    )
    neck: Annotated[int, NEWER] = Field(
        0, ge=0, le=16_384, description="width of a layer between features and heads; 0: none"
    )
    dropout: Annotated[float, NEWER] = Field(
        0.0, ge=0, lt=1, description="training: of the heads' inputs"
    )
    drop_path: Annotated[float, NEWER] = Field(
        0.0, ge=0, lt=1, description="training: share of the last branch left out; before it, less"
    )
    grapheme_head: Annotated[bool, NEWER] = Field(
        False, description="a fourth layer, over the competition's 1,295 graphemes"
    )
    grapheme_pool: Annotated[GraphemePool, NEWER] = Field(
        "mean", description="how its probabilities become those of a class: over its graphemes"
    )

    def trunk_options(self) -> dict[str, Any]:
        """The trunk's own options that aren't the default."""
        return {key: getattr(self, key) for key in OPTIONS if self.differs(key)}

    @model_validator(mode="after")
    def _trunk_supports_options(self) -> Self:
        check_trunk(self.trunk, self.trunk_options())
        return self

    @model_validator(mode="after")
    def _dropped_branches_have_shortcuts(self) -> Self:
        if self.drop_path and self.shortcut == "none":
            raise ValueError(
                f"drop_path={shown(self.drop_path)}: with shortcut=none nothing is left where a"
                " branch is left out; leave one of both out"
            )
        return self

    @model_validator(mode="after")
    def _pooled_graphemes_have_a_head(self) -> Self:
        if self.differs("grapheme_pool") and not self.grapheme_head:
            raise ValueError(
                f"grapheme_pool={self.grapheme_pool}: there is no grapheme head to pool; leave it"
                " out, or give grapheme_head=true"
            )
        return self


# What strength= makes more or less of: moves, and shares of the pictures that are distorted.
MOVES = ("shift", "scale", "rotate", "shear")
DISTORTIONS = ("erase", "elastic", "grid", "thickness", "blur", "contrast")


class Learning(Architecture):
    """What decides which weights come out: two runs that differ here are different runs."""

    epochs: int = Field(40, ge=1, le=10_000, description="passes over the training rows")
    batch_size: int = Field(64, ge=2, le=65_536, description="images a batch, of each process")
    processes: Annotated[int, NEWER] = Field(
        1, ge=1, le=4096, description="that train together, each on a GPU or its share of the cores"
    )
    accumulate: Annotated[int, NEWER] = Field(
        1, ge=1, le=1024, description="batches of each process that make one step"
    )
    sync_norm: Annotated[bool, NEWER] = Field(
        False, description="batch norms take the batches of all processes together"
    )
    lr: float = Field(
        3e-3,
        gt=0,
        le=10,
        description="highest rate; if not given, times the root of processes x accumulate, of sgd"
        " times the product",
    )
    optimiser: Annotated[Literal["adamw", "muon", "sgd"], NEWER] = Field(
        "adamw", description="muon takes adamw's lr; sgd its own, as lr=0.1 weight_decay=5e-4"
    )
    weight_decay: float = Field(0.02, ge=0, le=10, description="of weights; norms, biases none")
    schedule: Literal["onecycle", "cosine"] = Field("onecycle", description="of the learning rate")
    warmup: float = Field(0.15, ge=0, lt=1, description="share of the steps spent warming up")
    cycles: Annotated[int, NEWER] = Field(
        1, ge=1, le=1000, description="how often the schedule runs, over equal parts of the epochs"
    )
    patience: Annotated[int, NEWER] = Field(
        0, ge=0, le=10_000, description="end after so many epochs without a better score; 0: never"
    )
    swa: Annotated[int, NEWER] = Field(
        0,
        ge=0,
        le=10_000,
        description="last epochs (or cycles) whose mean is tried; 0: off",
    )
    clip: float = Field(5.0, gt=0, description="greatest norm of a step's gradient")
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the weights' running mean; 0: off")
    image_size: Size = Field(ImageSize(128, 128), description="of the pictures")
    image_sizes: Annotated[Sizes | None, NEWER] = Field(
        None, description="training: of equal parts of the epochs, where they aren't image_size"
    )
    crop: Crop = Field("ink", description="cut scans to their ink, or take them whole")
    shift: float = Field(0.06, ge=0, le=0.5, description="training: share of the side")
    scale: float = Field(0.15, ge=0, le=0.9, description="training: 0.1 is 0.9 to 1.1")
    rotate: float = Field(10.0, ge=0, le=180, description="training: degrees")
    shear: float = Field(10.0, ge=0, le=60, description="training: degrees")
    erase: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share of the pictures with a part of them erased"
    )
    erase_kind: Annotated[EraseKind, NEWER] = Field(
        "box", description="one box of 2 to 25 % of the picture, or a grid of small ones"
    )
    elastic: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share of the pictures that are bent smoothly"
    )
    grid: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share whose rows and columns are stretched unevenly"
    )
    thickness: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share with bolder or finer strokes"
    )
    blur: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share of the pictures that are blurred"
    )
    contrast: Annotated[float, NEWER] = Field(
        0.0, ge=0, le=1, description="training: share with fainter or darker ink"
    )
    strength: Annotated[float, NEWER] = Field(
        1.0, ge=0, le=3, description="times shift to shear, and times how far those above go"
    )
    augment: Annotated[Literal["cpu", "device"], NEWER] = Field(
        "cpu", description="training: where pictures are moved; device: in batches on the GPU"
    )
    grapheme_weight: Annotated[float, NEWER] = Field(
        0.25, gt=0, le=100, description="in the loss, of a grapheme head's; the three heads' is 1"
    )
    mix: Annotated[Mix, NEWER] = Field(
        "none", description="training: images of a batch mixed in pairs; any: cutmix or mixup"
    )
    mix_share: Annotated[float, NEWER] = Field(
        0.5, ge=0, le=1, description="share of the batches that are mixed"
    )
    mix_alpha: Annotated[float, NEWER] = Field(
        1.0, ge=0.01, le=100, description="of shares from Beta(a, a): below 1 one image prevails"
    )
    mix_until: Annotated[float, NEWER] = Field(
        1.0, ge=0, le=1, description="share of the training's steps after which nothing is mixed"
    )
    loss: Annotated[LossName, NEWER] = Field(
        "cross_entropy", description="of the heads; balanced, adjusted: rare classes count for more"
    )
    focal_gamma: Annotated[float, NEWER] = Field(
        2.0, gt=0, le=10, description="of loss=focal: how much less the easy images count"
    )
    smoothing: Annotated[float, NEWER] = Field(
        0.0, ge=0, lt=1, description="of labels: this share goes to all classes alike"
    )
    hard_examples: Annotated[float, NEWER] = Field(
        1.0,
        gt=0,
        le=1,
        description="share of a batch that counts, the hardest; at first all do",
    )
    head_weights: Annotated[LossWeights, NEWER] = Field(
        HeadWeights(2, 1, 1), description="of the heads in the loss"
    )
    pretrained: Annotated[bool, NEWER] = Field(
        False, description="start from timm's weights, fetched if need be"
    )
    init: SomePath | None = Field(
        None, description="weights to start from: train's, timm's, or torchvision's for a ResNet"
    )
    limit: int | None = Field(
        None, ge=2, description="at most so many real rows of each fold's training and validation"
    )
    exclude: SomePath | None = Field(
        None, description="file of ids of train.csv to leave out, one a line; of no synthetic image"
    )
    synthetic_share: Annotated[ShareOfEpochs | None, NEWER] = Field(
        None, description="of an epoch's pictures, with synthetic= (0.5); 1: synthetic ones alone"
    )

    pseudo: Annotated[SomePath | None, NEWER] = Field(
        None, description="predict's probabilities.parquet: surely read test images train too"
    )
    # Below what smoothing leaves of certainty: of smoothing=0.1, which the recipes for real images
    # have, 0.901, 0.909 and 0.914 by head. A file doesn't say how its networks were smoothed, so it
    # is one number for all; without smoothing a higher one takes fewer mistakes along.
    pseudo_threshold: Annotated[float, NEWER] = Field(
        0.85,
        gt=0,
        le=1,
        description="with pseudo: least probability of each of the three labels; of networks"
        " trained with smoothing=0.1 even the surest are about 0.9",
    )
    # Not of the weights, but of what is made with them: tables, submissions, and with it decisions.
    tta: Annotated[Tta, NEWER] = Field(
        "none", description="views of a picture averaged in tables and predictions, not in epochs"
    )

    @model_validator(mode="after")
    def _threshold_is_of_something(self) -> Self:
        if self.differs("pseudo_threshold") and self.pseudo is None:
            raise ValueError(
                f"pseudo_threshold={shown(self.pseudo_threshold)}: there are no pseudo labels; add"
                " pseudo=PATH, or leave it out"
            )
        if self.pseudo and self.synthetic_share is not None and self.synthetic_share.whole:
            raise ValueError(
                "pseudo, synthetic_share=1: synthetic images train alone, so pseudo labels would"
                " not; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _begins_one_way(self) -> Self:
        if self.pretrained and self.init:
            raise ValueError("pretrained, init: two ways to begin with weights; give one of them")
        if self.pretrained and not self.trunk.startswith(TIMM):
            raise ValueError(
                f"pretrained=true: trunk={self.trunk} has no weights to fetch; expected"
                f" trunk={TIMM}NAME; leave it out, or give init=FILE"
            )
        return self

    @model_validator(mode="after")
    def _kinds_of_holes_are_erased(self) -> Self:
        if self.differs("erase_kind") and not self.erase:
            raise ValueError(
                f"erase_kind={self.erase_kind}: nothing is erased; leave it out, or give erase=0.5"
            )
        return self

    @model_validator(mode="after")
    def _distortions_have_a_strength(self) -> Self:
        given = [key for key in DISTORTIONS if getattr(self, key)]
        if given and not self.strength:
            raise ValueError(
                f"{given[0]}={shown(getattr(self, given[0]))}: with strength=0 no picture is"
                " changed; leave one of both out"
            )
        if self.differs("strength") and not any(getattr(self, key) for key in MOVES + DISTORTIONS):
            raise ValueError(
                f"strength={shown(self.strength)}: no picture is moved or distorted; leave it out,"
                " or give rotate=10"
            )
        return self

    @model_validator(mode="after")
    def _epochs_have_parts(self) -> Self:
        # Until epochs are given, or filled by a recipe, nobody knows how many there will be.
        known = "epochs" in self.model_fields_set
        for key, count in (("cycles", self.cycles), ("image_sizes", len(self.image_sizes or ()))):
            if known and count > self.epochs:
                raise ValueError(
                    f"{key}={shown(getattr(self, key))}: epochs={self.epochs} has no {count} parts;"
                    f" give at most {self.epochs}, or more epochs"
                )
        most, end = (self.cycles, "cycle") if self.cycles > 1 else (self.epochs, "epoch")
        if self.swa > most and (known or end == "cycle"):
            raise ValueError(
                f"swa={self.swa}: there {'is' if most == 1 else 'are'} {counted(most, end)} to take"
                f" weights from; give at most {most}"
            )
        if self.swa and self.patience:
            raise ValueError(
                "swa, patience: which epochs are the last isn't known where patience may end them;"
                " give one of them"
            )
        # The first epoch has the best score so far, and after the last nothing is left to end.
        if known and self.patience > max(0, self.epochs - 2):
            raise ValueError(
                f"patience={self.patience}: epochs={self.epochs} are over before it can end them;"
                f" leave it out, or give {self.patience + 2} epochs or more"
            )
        return self

    @model_validator(mode="after")
    def _weighed_graphemes_have_a_head(self) -> Self:
        if self.differs("grapheme_weight") and not self.grapheme_head:
            raise ValueError(
                f"grapheme_weight={shown(self.grapheme_weight)}: there is no grapheme head to"
                " weigh; leave it out, or give grapheme_head=true"
            )
        return self

    @model_validator(mode="after")
    def _mixing_is_asked_for(self) -> Self:
        given = [key for key in ("mix_share", "mix_alpha", "mix_until") if self.differs(key)]
        if given and self.mix == "none":
            raise ValueError(
                f"{given[0]}={shown(getattr(self, given[0]))}: nothing is mixed; add mix=any,"
                " cutmix, mixup, fmix or resizemix, or leave it out"
            )
        nothing = [key for key in ("mix_share", "mix_until") if not getattr(self, key)]
        if nothing and self.mix != "none":
            raise ValueError(
                f"mix={self.mix}, {nothing[0]}=0: nothing is mixed; leave both out, or give"
                f" {nothing[0]} above 0"
            )
        if "mix_alpha" in given and self.mix == "resizemix":
            raise ValueError(
                f"mix_alpha={shown(self.mix_alpha)}: mix=resizemix draws sizes evenly, by no Beta;"
                " leave it out"
            )
        return self

    @model_validator(mode="after")
    def _gamma_is_of_a_focal_loss(self) -> Self:
        if self.differs("focal_gamma") and self.loss != "focal":
            raise ValueError(
                f"focal_gamma={shown(self.focal_gamma)}: loss={self.loss} has none; leave it out,"
                " or give loss=focal"
            )
        return self


# Newer than the first format: where they change nothing they are left out of an identity.
LATER = tuple(key for key, field in Learning.model_fields.items() if NEWER in field.metadata)
