"""The settings of serve: a page to draw on, on this machine."""

from typing import Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Deciding
from graphemes.foundation.settings.types import (
    DeviceName,
    RunName,
    RunNames,
    SomePath,
    SomePaths,
    Tta,
)


class ServeSettings(Deciding):
    """Settings of serve."""

    work_dir: SomePath | None = Field(
        None, description="holds the folds to read with (default: beside run.sh)"
    )
    name: RunName | None = Field(None, description="reads with the folds of this run: folds/NAME/")
    runs: RunNames | None = Field(
        None, description="several runs, to be compared on the page; - is the one without a name"
    )
    weights: SomePaths | None = Field(
        None, description="weights files or folders of them, in place of a run's folds"
    )
    port: int = Field(8000, ge=0, le=65_535, description="of 127.0.0.1; 0: any that is free")
    device: DeviceName = Field("auto", description="auto takes a GPU if there is one")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of autocast; auto takes what the device does fast"
    )
    tta: Tta = Field("none", description="views of a picture that are averaged")
    rate: float = Field(
        50.0, ge=0, le=1_000_000, description="requests a second that one address may send; 0: any"
    )

    @model_validator(mode="after")
    def _networks_are_chosen_one_way(self) -> Self:
        given = [key for key in ("name", "runs", "weights") if getattr(self, key)]
        if len(given) > 1:
            raise ValueError(f"{', '.join(given)}: ways to choose networks; give one of them")
        return self
