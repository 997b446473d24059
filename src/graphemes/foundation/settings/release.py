"""The settings of what is handed to others."""

from typing import Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Settings, check_shares
from graphemes.foundation.settings.types import (
    FoldChoice,
    KaggleUser,
    PackedWeights,
    RunName,
    RunNames,
    Shares,
    SomePath,
)


class PackSettings(Settings):
    """Settings of pack."""

    work_dir: SomePath | None = Field(
        None, description="holds the folds to pack (default: beside run.sh)"
    )
    name: RunName | None = Field(None, description="packs the folds of this run: folds/NAME/")
    fold: FoldChoice | None = Field(
        None, description="which folds to pack (default: those that are finished)"
    )
    weights: PackedWeights | None = Field(
        None, description="weights files or folders of them instead; none: to train on Kaggle"
    )
    runs: RunNames | None = Field(
        None, description="runs whose mean is submitted, each with its finished folds"
    )
    shares: Shares = Field(
        "auto", description="of the runs; auto: as `score runs=` fitted them, else equal"
    )
    out: SomePath | None = Field(None, description="folder to write (default: pack/ in the run's)")
    user: KaggleUser = Field("INSERT_USERNAME", description="your name in Kaggle's addresses")
    overwrite: bool = Field(False, description="replace a pack of other weights or sources")

    @model_validator(mode="after")
    def _chooses_one_way(self) -> Self:
        if self.weights is not None and self.fold is not None:
            raise ValueError("fold, weights: two ways to choose weights; give one of them")
        others = [key for key in ("fold", "weights") if getattr(self, key) is not None]
        if self.runs is not None and others:
            raise ValueError(
                f"runs, {others[0]}: runs= packs all finished folds of its runs; leave"
                f" {others[0]} out"
            )
        check_shares(self.shares, self.runs)
        return self
