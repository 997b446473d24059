"""The groups that commands' settings are built from: frozen models, checked at the door."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from graphemes.foundation.settings.types import (
    Attention,
    Crop,
    DeviceName,
    FoldSource,
    GraphemePool,
    ImageSize,
    Pool,
    RunName,
    ShareOfEpochs,
    Shortcut,
    Size,
    SomePath,
    Stem,
    TrunkName,
    Wish,
    Workers,
)


@dataclass(frozen=True)
class Newer:
    """Marks a field that results of the first format lack: at its default it changes nothing."""


NEWER = Newer()


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
    invert: Wish = Field(
        "auto", description="scans white on black: auto turns the mostly dark, true all, false none"
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


class Architecture(Settings):
    """Which network: with the size of the pictures, all that its tensors' shapes hang on."""

    trunk: TrunkName = Field("resnet34", description="the network below the heads")
    shortcut: Annotated[Shortcut, NEWER] = Field(
        "project", description="where a block changes shape: 1x1 convolution, zeros; none: plain"
    )
    stem: Annotated[Stem, NEWER] = Field(
        "7x7", description="the first convolution, of stride 2; deep: three of 3x3"
    )
    stem_pool: Annotated[bool, NEWER] = Field(
        True, description="the stem's max pooling; false for small pictures"
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
        0.0, ge=0, lt=1, description="training: share of branches left out, in timm's trunks"
    )
    grapheme_head: Annotated[bool, NEWER] = Field(
        False, description="a fourth layer, over the competition's 1,295 graphemes"
    )
    grapheme_pool: Annotated[GraphemePool, NEWER] = Field(
        "mean", description="how its probabilities become those of a class: over its graphemes"
    )


class Learning(Architecture):
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
    grapheme_weight: Annotated[float, NEWER] = Field(
        0.25, gt=0, le=100, description="in the loss, of a grapheme head's; the three heads' is 1"
    )
    pretrained: Annotated[bool, NEWER] = Field(
        False, description="start from timm's weights, fetched if need be"
    )
    init: SomePath | None = Field(
        None, description="weights file to start from: train's, or one of timm's for its trunk"
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


# Newer than the first format: where they change nothing they are left out of an identity.
LATER = tuple(key for key, field in Learning.model_fields.items() if NEWER in field.metadata)
