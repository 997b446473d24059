"""The settings of what is handed to others."""

from typing import Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Settings
from graphemes.foundation.settings.types import (
    FoldChoice,
    KaggleUser,
    PackedWeights,
    RunName,
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
    out: SomePath | None = Field(None, description="folder to write (default: pack/ in the run's)")
    user: KaggleUser = Field("INSERT_USERNAME", description="your name in Kaggle's addresses")
    overwrite: bool = Field(False, description="replace a pack of other weights or sources")

    @model_validator(mode="after")
    def _chooses_one_way(self) -> Self:
        if self.weights is not None and self.fold is not None:
            raise ValueError("fold, weights: two ways to choose weights; give one of them")
        return self
