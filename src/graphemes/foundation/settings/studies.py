"""The settings of what is drawn, listed and measured beside the way to a submission."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Architecture, Machine, Places, Settings
from graphemes.foundation.settings.trunks import check_trunk, supporting_trunks
from graphemes.foundation.settings.types import (
    GraphemeChoice,
    ImageSize,
    Size,
    SomePath,
    TrunkName,
    TrunkNames,
)

# Measured: trained on 12,950 drawings, read off 10,000 real images, one seed: 0.570 with 0, 0.613
# with 0.5, 0.607 with 0.8.
BALANCE = 0.6
LEAST_COMPARED = 100  # images: fewer say nothing of how drawings differ from real ones


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

    what: Literal[
        "all",
        "decode",
        "store",
        "step",
        "loader",
        "train",
        "predict",
        "scale",
        "starts",
        "memory",
        "serve",
        "degradation",
        "soak",
    ] = Field(
        "all", description="what to measure; degradation and soak take long, so all leaves them out"
    )
    rows: int | None = Field(
        None,
        ge=16,
        le=1_000_000,
        description="images at most; more than there are repeat them (default: 12,000 of them)",
    )
    repeats: int = Field(
        3, ge=1, le=100, description="of each timing, where there is time; medians are printed"
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="for all parts; less time, fewer repeats (default: 20; soak: 60)",
    )
    trunk: TrunkName = Field("resnet34", description="the network that is measured")
    batch_size: int | None = Field(
        None, ge=2, le=65_536, description="images at a time (default 128; step: 32, 64, 128)"
    )
    image_size: Size | None = Field(
        None, description="of the pictures (default 64 and 128; degradation: 64)"
    )
    images: int = Field(512, ge=32, le=1_000_000, description="that degradation learns")
    epochs: int = Field(20, ge=1, le=10_000, description="of degradation's trainings")
    seeds: int = Field(2, ge=1, le=20, description="of degradation's trainings, each a pair")
    seed: int = Field(0, ge=0, lt=2**32, description="the number of soak's first run")

    @property
    def sizes(self) -> tuple[ImageSize, ...]:
        """The picture sizes to measure at."""
        return (self.image_size,) if self.image_size else (ImageSize(64, 64), ImageSize(128, 128))

    @property
    def batch(self) -> int:
        """Images at a time, where one size is measured."""
        return self.batch_size or 128

    @model_validator(mode="after")
    def _trunk_is_known(self) -> Self:
        check_trunk(self.trunk, {})
        return self

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
