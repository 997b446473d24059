"""The settings of report: a run, or several, as a page to look at."""

from typing import Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.types import DeviceName, RunNames


class ReportSettings(Places):
    """Settings of report."""

    runs: RunNames | None = Field(
        None, description="several runs side by side; - is the one without a name"
    )
    device: DeviceName = Field(
        "auto", description="to read a few images again, for where the network looks"
    )

    @model_validator(mode="after")
    def _runs_are_named_once(self) -> Self:
        if self.runs and self.name:
            raise ValueError("name, runs: two ways to choose what is reported; give one of them")
        return self
