"""The settings of export: trained networks in forms that other programs read."""

from typing import Literal, Self

from pydantic import Field, model_validator

from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.types import FoldChoice, SomePath, SomePaths

ExportFormat = Literal["onnx", "torch_export", "hub", "weights", "page"]
ExportType = Literal["fp32", "fp16", "int8"]
# Which number types each form can hold, and whether it holds a graph that scans can be part of.
TYPES: dict[ExportFormat, tuple[ExportType, ...]] = {
    "onnx": ("fp32", "fp16", "int8"),
    "torch_export": ("fp32",),
    "hub": ("fp32", "fp16"),
    "weights": ("fp32", "fp16"),
    "page": ("fp32", "int8"),
}
GRAPHS: tuple[ExportFormat, ...] = ("onnx", "torch_export", "page")


class ExportSettings(Places):
    """Settings of export."""

    format: ExportFormat = Field(
        "onnx",
        description="hub: Hugging Face's layout; page: one to draw on, for any web host",
    )
    fold: FoldChoice | None = Field(
        None, description="folds of the run, which must be finished (default: all that are)"
    )
    weights: SomePaths | None = Field(
        None, description="weights files or folders of them, in place of a run's folds"
    )
    dtype: ExportType = Field("fp32", description="of the weights; int8 is calibrated on images")
    preprocess: bool = Field(
        False, description="whitening, crop and resize inside: uint8 scans in, not pictures"
    )
    images: int = Field(
        1000, ge=8, le=1_000_000, description="that what is written is held against torch on"
    )
    runtime: SomePath | None = Field(
        None, description="with format=page: folder of onnxruntime-web's files (default: by npm)"
    )
    out: SomePath | None = Field(None, description="folder to write (default: folds/export)")
    overwrite: bool = Field(False, description="replace an export of other weights or settings")

    @property
    def reads_scans(self) -> bool:
        """Whether scans go in, not pictures."""
        return self.preprocess or self.format == "page"

    @model_validator(mode="after")
    def _names_networks_one_way(self) -> Self:
        if self.fold is not None and self.weights:
            raise ValueError("fold and weights are two ways to name networks; give one of them")
        return self

    @model_validator(mode="after")
    def _form_holds_numbers(self) -> Self:
        types = TYPES[self.format]
        if self.dtype not in types:
            others = [form for form, held in TYPES.items() if self.dtype in held]
            raise ValueError(
                f"dtype={self.dtype}: format={self.format} holds {' or '.join(types)};"
                f" dtype={self.dtype} needs format={' or '.join(others)}"
            )
        return self

    @model_validator(mode="after")
    def _runtime_is_of_a_page(self) -> Self:
        if self.runtime and self.format != "page":
            raise ValueError(
                f"runtime={self.runtime}: format={self.format} runs in no browser; leave it out,"
                " or give format=page"
            )
        return self

    @model_validator(mode="after")
    def _form_holds_a_graph(self) -> Self:
        if self.preprocess and self.format not in GRAPHS:
            raise ValueError(
                f"preprocess=true: format={self.format} holds weights, no graph; expected"
                f" format={' or '.join(GRAPHS)}"
            )
        return self
