"""run.json, the run record: what made a fold, and what it reached. Written last, it ends a fold."""

import contextlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json, write_json
from graphemes.foundation.layout import FoldPaths, Layout, numbered
from graphemes.foundation.machine import machine_name
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.versions import versions
from graphemes.network.devices import Engine
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.leakage import Leakage
from graphemes.training.checkpoints import History

_FIELDS = Architecture.model_fields
AFRESH = "restore it; overwrite=true trains the fold again"


@dataclass(frozen=True)
class RunRecord:
    """The fields of run.json, in its order."""

    identity: RunIdentity
    digests: dict[str, str]
    fold: str
    settings: dict[str, Any]
    seed: int
    commit: str | None
    versions: dict[str, str]
    device: str
    machine: str
    training_images: int
    synthetic_images: int
    pseudo_images: int
    validation_images: int
    validation_images_seen_by_init: int
    validation_images_among_synthetic: int
    validation_images_among_pseudo: int
    epoch: int
    best_score: float | None
    last_epoch: int
    last_score: float | None
    swa: dict[str, Any] | None  # the mean's score and recall, and whether it is kept
    image_passes: int
    synthetic_passes: int
    train_seconds: float
    images_per_second: float

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        write_json(path, {**vars(self), "identity": self.identity.as_json()})

    @classmethod
    def read(cls, path: Path) -> Self:
        """A record of any version, None where it lacks a field. Raises DataError."""
        value = read_json(path, AFRESH)
        identity = read_identity(path, value)
        known = {field.name: value.get(field.name) for field in fields(cls)}
        return cls(**{**known, "identity": identity})


def make_record(
    settings: TrainSettings,
    *,
    identity: RunIdentity,
    code: str | None,
    fold: str,
    engine: Engine,
    rows: FoldRows,
    leakage: Leakage,
    synthetic_passes: int,
    history: History,
) -> RunRecord:
    """The record of a fold that has just been trained, on this machine, by the commit `code`."""
    last = history.log[-1]
    return RunRecord(
        identity=identity,
        digests=identity.digests,
        fold=fold,
        settings=settings.model_dump(mode="json"),
        seed=settings.seed,
        commit=code,
        versions=versions(),
        device=engine.describe(),
        machine=machine_name(),
        training_images=len(rows.trained),
        synthetic_images=len(rows.synthetic),
        pseudo_images=len(rows.pseudo),
        validation_images=len(rows.validated),
        validation_images_seen_by_init=leakage.seen_by_init,
        validation_images_among_synthetic=leakage.among_synthetic,
        validation_images_among_pseudo=leakage.among_pseudo,
        epoch=history.best_epoch,
        best_score=history.best_score,
        last_epoch=last["epoch"],
        last_score=last.get("score"),
        swa=history.swa,
        image_passes=history.image_passes,
        synthetic_passes=synthetic_passes,
        train_seconds=round(history.train_seconds, 3),
        images_per_second=round(history.image_passes / history.train_seconds, 3),
    )


def read_identity(path: Path, value: Any = None) -> RunIdentity:
    """The identity in a JSON file, or in its `value` that was read already. Raises DataError."""
    value = read_json(path, AFRESH) if value is None else value
    try:
        return RunIdentity.from_json(value.get("identity"))
    except (AttributeError, ValueError):
        raise DataError(f"{path}: holds no identity; {AFRESH}") from None


def leakage_told(paths: FoldPaths) -> str | None:
    """Which of a finished fold's validation images were trained on, for people; None of none."""
    record = RunRecord.read(paths.run)
    found = {
        "init": record.validation_images_seen_by_init,
        "synthetic": record.validation_images_among_synthetic,
        "pseudo": record.validation_images_among_pseudo,
    }
    counts = ", ".join(f"{count:,} by {key}=" for key, count in found.items() if count)
    if not counts:
        return None
    images = record.validation_images
    return f"{paths.run}: trained on some of its {images:,} validation images ({counts})"


def known_scores(layout: Layout) -> dict[Architecture, str]:
    """The best finished fold of each network, of any run here: '0.866 (wide/fold0, 64x64)'."""
    best: dict[Architecture, tuple[float, str]] = {}
    root = layout.folds_csv.parent
    for paths in (paths for run_dir in layout.runs() for paths in numbered(run_dir)):
        with contextlib.suppress(DataError, ValidationError, KeyError, TypeError):
            record = RunRecord.read(paths.run)
            network = trained_network(record.settings)
            if record.best_score is not None and record.best_score > best.get(network, (-1, ""))[0]:
                where = _where(record, paths, root)
                best[network] = record.best_score, f"{record.best_score:.3f} ({where})"
    return {network: text for network, (_, text) in best.items()}


def trained_network(settings: dict[str, Any]) -> Architecture:
    """The network of a record's settings, bare."""
    return bare(Architecture.model_validate({k: settings[k] for k in _FIELDS if k in settings}))


def bare(network: Architecture) -> Architecture:
    """Without what only training does: the same network."""
    return network.model_copy(
        update={key: _FIELDS[key].default for key in ("dropout", "drop_path")}
    )


def _where(record: RunRecord, paths: FoldPaths, root: Path) -> str:
    found = f"{paths.directory.relative_to(root)}, {record.settings['image_size']}"
    found += "".join(f", {key}" for key in ("pretrained", "init") if record.settings.get(key))
    return found + (", demo" if record.identity.demo else "")
