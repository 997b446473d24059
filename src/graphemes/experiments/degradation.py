"""bench what=degradation: plain and residual networks of three depths on the same few images."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from graphemes.experiments.degradation_networks import (
    BATCH,
    DEPTHS,
    KINDS,
    draw_degradation,
    training_errors,
    verdict,
)
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json, write_json
from graphemes.foundation.layout import ROOT
from graphemes.foundation.progress import counted, progress, say
from graphemes.foundation.seeds import DEGRADATION_IMAGES
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.settings.types import ImageSize
from graphemes.foundation.versions import commit
from graphemes.images.dataset import StoreDataset
from graphemes.images.transforms import make_transform
from graphemes.network.devices import Engine, choose_engine
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import find_workspace


def measure_degradation(settings: BenchSettings) -> None:
    """Train each network on each seed, print the errors, draw them; what is done is kept."""
    engine = _engine(settings)
    workspace = find_workspace(settings)
    workspace.draw_demo()
    data = open_training_data(workspace)
    if len(data.rows) < settings.images:
        raise DataError(
            f"{workspace.directory}: {len(data.rows):,} labelled images, expected"
            f" {settings.images:,}; give images=, fewer"
        )
    ink, roots = _chosen(data, settings)
    asked = {
        "images": settings.images,
        "epochs": settings.epochs,
        "image_size": str(_size(settings)),
        "data": data.digest,
        "precision": engine.precision,
        "batch": BATCH,
        "commit": commit(ROOT),
    }
    place = workspace.layout.work_dir / "data" / "degradation"
    kept = _kept(place / "errors.json", asked)
    errors: dict[str, dict[int, list[list[float]]]] = {
        kind: {layers: [] for layers in DEPTHS} for kind in KINDS
    }
    # Seed by seed, so that a run that was stopped leaves whole comparisons.
    for seed in range(settings.seeds):
        for kind in KINDS:
            for layers in DEPTHS:
                name = f"{kind} {layers} {seed}"
                if name not in kept:
                    label = f"{kind}, {layers} layers, seed {seed}"
                    with progress(label, settings.epochs * len(roots)) as advance:
                        kept[name] = training_errors(
                            ink,
                            roots,
                            layers=layers,
                            kind=kind,
                            epochs=settings.epochs,
                            seed=seed,
                            engine=engine,
                            advance=advance,
                        )
                    write_json(place / "errors.json", {"asked": asked, "errors": kept})
                errors[kind][layers].append(kept[name])
                trained = counted(settings.epochs, "epoch")
                say(f"{name}: training error {kept[name][-1]:.3f} after {trained}")
    for kind, by_layers in errors.items():
        for layers, runs in by_layers.items():
            last = [run[-1] for run in runs]
            spread = f" ({min(last):.3f} to {max(last):.3f})" if len(last) > 1 else ""
            say(f"{kind:<9}{layers:>3} layers: {statistics.mean(last):.3f}{spread}")
        say(f"{kind}: {verdict(by_layers)}")
    seeds = settings.seeds
    lines = f"mean of {seeds} seeds, least to greatest" if seeds > 1 else "one seed"
    about = f"{settings.images:,} images at {_size(settings)}, {lines}"
    draw_degradation(place / "degradation.png", errors, about)
    say(f"{place / 'degradation.png'}: written")


def _size(settings: BenchSettings) -> ImageSize:
    return settings.image_size or ImageSize(64, 64)


def _engine(settings: BenchSettings) -> Engine:
    """In full precision unless bfloat16 is asked for: plain networks' gradients are small."""
    return choose_engine(settings.device, "bf16" if settings.precision == "bf16" else "fp32")


def _chosen(data: TrainingData, settings: BenchSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Ink (N, 1, H, W) and roots (N,) of some labelled images, the same at every call."""
    rows = DEGRADATION_IMAGES.stream(0).permutation(data.rows)[: settings.images]
    compose = make_transform(_size(settings), "ink")
    scans = StoreDataset(data.store.pixels, data.store.frames, compose, data.by_row)
    samples = [scans[(0, int(row))] for row in rows]
    return (
        torch.stack([sample.ink for sample in samples]),
        torch.tensor([int(sample.labels.root) for sample in samples]),
    )


def _kept(path: Path, asked: dict[str, Any]) -> dict[str, list[float]]:
    """The errors of an earlier call that asked for the same; nothing if there was none."""
    try:
        kept = _KEPT.validate_python(read_json(path))
    except (DataError, ValidationError):  # nothing there, or damaged: measured again
        return {}
    return kept.errors if kept.asked == asked else {}


@dataclass(frozen=True)
class _Kept:
    """What errors.json holds."""

    asked: dict[str, Any]
    errors: dict[str, list[float]]  # by kind, layers and seed: after each epoch


_KEPT = TypeAdapter(_Kept)
