"""What the parts of a bench share: settings, device, images, the time that is left."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphemes.experiments.bench_data import BenchData
from graphemes.experiments.timings import Figure
from graphemes.foundation.machine import usable_cores
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.pipeline.fold_data import FoldData
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import Workspace, find_workspace


@dataclass(frozen=True)
class Findings:
    """What a part measured, and what is to be said beside it."""

    figures: list[Figure]
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """One call of bench."""

    settings: BenchSettings
    engine: Engine
    data: BenchData
    rows: int  # images at most
    until: float = float("inf")  # time.monotonic's, after which no further round is begun

    @property
    def gpu(self) -> bool:
        """Whether the device isn't this process's own cores."""
        return self.engine.device.type != "cpu"

    @property
    def has_bf16(self) -> bool:
        """Whether the device does bf16 fast, or was asked to do it."""
        return self.engine.precision == "bf16"

    def limited(self, seconds: float) -> "Bench":
        """The same with so much time from now on."""
        return dataclasses.replace(self, until=time.monotonic() + seconds)

    def share(self, parts: int) -> "Bench":
        """The same with one of so many equal parts of the time that is left."""
        left = max(0.0, self.until - time.monotonic())
        return dataclasses.replace(self, until=time.monotonic() + left / parts)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.until

    def fitting(self, speed: float, seconds: float, least: int) -> int:
        """So many images as take these seconds at images/s, whole batches, within rows."""
        batch = self.settings.batch
        most = max(1, min(self.rows, max(least, int(speed * seconds))))
        return most // batch * batch if most >= batch else most

    def train_settings(self, size: ImageSize, **words: Any) -> TrainSettings:
        """What train would be given to run on the bench's images; words: more of its settings."""
        given = {
            "data_dir": str(self.data.training(self.rows)),
            "work_dir": str(self.data.layout.work_dir),
            "trunk": self.settings.trunk,
            "image_size": str(size),
            "batch_size": self.settings.batch,
            "device": self.settings.device,
            "precision": self.settings.precision,
        }
        return TrainSettings.model_validate({**given, **words})

    def opened(self, settings: TrainSettings) -> tuple[Workspace, TrainingData]:
        """The bench's images as train opens them."""
        workspace = find_workspace(settings)
        return workspace, open_training_data(workspace)

    def pictures(self, settings: TrainSettings, images: int) -> FoldData:
        """A fold whose training and validation pictures are both the first so many images."""
        _, data = self.opened(settings)
        return first_pictures(settings, data, images, self.engine.device)

    def multiples(self) -> list[int]:
        """An eighth of the rows, and 2, 4 and 8 times as many."""
        least = max(1, self.rows // 8)
        return [least * times for times in (1, 2, 4, 8)]

    def worker_counts(self, *counts: int) -> list[int | str]:
        """'auto' and these numbers of loader processes, each once."""
        return ["auto", *sorted({count for count in counts if count >= 0})]


CORES = usable_cores()


def first_pictures(
    settings: TrainSettings, data: TrainingData, images: int, device: torch.device
) -> FoldData:
    """A fold whose training and validation pictures are both the first so many images."""
    rows = data.rows[:images]
    return FoldData(settings, data, FoldRows(rows, rows, rows, rows[:0]), (0, 0), device)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def forget_gpu_peak(device: torch.device) -> None:
    """From here on `gpu_peak` counts."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def gpu_peak(device: torch.device) -> float | None:
    """GB that tensors of this process took of a CUDA device at most; None on another."""
    if device.type != "cuda":
        return None
    return float(torch.cuda.max_memory_allocated(device)) / 1e9


def scratch(bench: Bench, name: str) -> Path:
    """A place for a part's own results, made if need be."""
    place = bench.data.layout.work_dir / name
    place.mkdir(parents=True, exist_ok=True)
    return place
