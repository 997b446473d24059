"""One run's page: what stands in each section, as values for the template."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from graphemes.evaluation.calibration import calibration
from graphemes.evaluation.decide import class_counts
from graphemes.evaluation.metrics import Score, recalls
from graphemes.evaluation.unseen import UNSEEN_SHARE
from graphemes.evaluation.winners import AUTO
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.progress import duration
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.words import shown
from graphemes.pipeline.run_records import RunRecord
from graphemes.report.charts import (
    Line,
    calibration_chart,
    curves_chart,
    frequency_chart,
    rules_chart,
    scores_chart,
)
from graphemes.report.looks import looks
from graphemes.report.material import Material
from graphemes.report.mistaken import class_sheets, doubt_sheets, mistake_cards
from graphemes.report.pictures import ScanPictures
from graphemes.report.published import PRIVATE, VALIDATED

OPEN = "\u2013"  # what a record of an earlier version doesn't tell
FEW = 2000  # images below which a score moves by more than 0.01 with which they are


@dataclass(frozen=True)
class Headline:
    """The score that stands first, and how it came about."""

    score: float
    recall: dict[str, float]
    rule: str  # argmax, or the decision rule whose nested score it is
    argmax: float


@dataclass(frozen=True)
class Row:
    """A row of scores."""

    name: str
    images: int
    score: float
    recall: list[float]
    note: str = ""


def headline(material: Material) -> Headline:
    """The nested score of the rule that predict takes; argmax's where no rule was fitted."""
    overall = material.scores.overall
    if material.decisions is None:
        return Headline(overall.score, overall.recall._asdict(), "argmax", overall.score)
    row, rule = material.decisions.row("auto"), material.decisions.taken("auto")
    return Headline(row.score, dict(row.recall), rule.name, overall.score)


def run_content(material: Material, pictures: ScanPictures | None, device: str) -> dict[str, Any]:
    """All that the page of one run shows. `pictures`: None where its images aren't here."""
    first = headline(material)
    return {
        "material": material,
        "headline": first,
        "notes": _notes(material, pictures),
        "published": None if material.demo else _published(first),
        "folds": _fold_rows(material),
        "subsets": _subset_rows(material),
        "unseen_share": UNSEEN_SHARE,
        "curves": _curves(material),
        "rules": _rules(material),
        "sheets": class_sheets(material, pictures)._asdict(),
        "mistakes": mistake_cards(material, pictures),
        "doubts": doubt_sheets(material, pictures),
        "calibration": _calibration(material),
        "frequency": _frequency(material),
        "looks": looks(material, pictures, device) if pictures else [],
        "times": [_time(record) for record in material.records],
        "settings": _settings(material.records[0]),
        "record": material.records[0],
    }


def _notes(material: Material, pictures: ScanPictures | None) -> list[str]:
    """What a reader must know before the figures."""
    notes = []
    if material.demo:
        notes.append(
            "This run is of drawings made from fonts: its scores say nothing about handwriting."
        )
    elif material.scores.overall.n < FEW:
        notes.append(
            f"Only {material.scores.overall.n:,} images judge it: other images would move the score"
            " by a hundredth or more."
        )
    absent = [
        f"{len(labels)} of {head.classes} {head.name} classes"
        for head, labels in zip(HEADS, material.scores.overall.absent, strict=True)
        if labels
    ]
    if absent:
        notes.append(f"No image is of {', '.join(absent)}; these don't count.")
    if pictures is None:
        notes.append("The run's images aren't here, so the report is without pictures.")
    return notes


def _published(first: Headline) -> Markup:
    """Against what others reached, on real images."""
    lines = [Line(one.what, one.score) for one in VALIDATED]
    lines.append(Line(f"this run ({first.rule})", first.score, own=True))
    lines += [Line(f"private: {one.what}", one.score) for one in PRIVATE]
    return scores_chart(sorted(lines, key=lambda line: -line.value))


def _row(name: str, result: Score, note: str = "") -> Row:
    return Row(name, result.n, result.score, list(result.recall), note)


def _fold_rows(material: Material) -> list[Row]:
    rows = [_row(f"fold {fold}", result) for fold, result in material.scores.folds.items()]
    return rows if len(rows) == 1 else [*rows, _row("all", material.scores.overall)]


def _subset_rows(material: Material) -> list[Row]:
    """Seen and unseen; nothing where all are seen, or nobody knows."""
    found = material.scores.overall_subsets
    if found is None or found.unseen is None:
        return []
    rows = [
        _row(name, one.score, f"{one.graphemes:,} graphemes")
        for name, one in (("seen", found.seen), ("unseen", found.unseen))
        if one is not None
    ]
    return rows if found.weighted is None else [*rows, _row("weighted", found.weighted)]


def _curves(material: Material) -> Markup | None:
    logs = {
        f"fold {record.fold}": log
        for record, log in zip(material.records, material.logs, strict=True)
        if log
    }
    return curves_chart(logs) if logs else None


def _rules(material: Material) -> Markup | None:
    if material.decisions is None:
        return None
    rows = [
        (name, row.score, row.error if name != "argmax" else 0.0)
        for name, row in material.decisions.nested.items()
        if name != AUTO
    ]
    return rules_chart(rows, material.decisions.taken("auto").name)


def _calibration(material: Material) -> Markup:
    table = material.table
    return calibration_chart(
        PerHead(
            *(
                calibration(truth, values)
                for truth, values in zip(table.truth, table.probabilities, strict=True)
            )
        )
    )


def _frequency(material: Material) -> Markup | None:
    if material.counts is None:
        return None
    # Of several folds the mean: each class's images are in all of them but one.
    folds = list(material.counts.by_fold.values())
    trained = class_counts(np.sum(folds, axis=0)).map(
        lambda own: np.rint(own / len(folds)).astype(np.int64)
    )
    found = PerHead(
        *(
            recalls(truth, guess, head.classes)
            for head, truth, guess in zip(HEADS, material.table.truth, material.guess, strict=True)
        )
    )
    return frequency_chart(trained, found)


def _time(record: RunRecord) -> dict[str, str]:
    """A fold's row of times; what earlier records lack is left open."""
    time = record.train_seconds
    return {
        "fold": _told(record.fold),
        "training": _told(record.training_images, ","),
        "passes": _told(record.image_passes, ","),
        "time": OPEN if time is None else duration(time),
        "speed": _told(record.images_per_second, ",.0f"),
        "epoch": f"{_told(record.epoch)} of {_told(record.last_epoch)}",
        "device": _told(record.device),
    }


def _told(value: Any, form: str = "") -> str:
    return OPEN if value is None else format(value, form)


def _settings(record: RunRecord) -> list[tuple[str, str, bool]]:
    """Each setting as it is typed, and whether it isn't the default."""
    usual = TrainSettings().model_dump(mode="json")
    found = [
        (key, _typed(value), value != usual.get(key))
        for key, value in sorted((record.settings or {}).items())
    ]
    return sorted(found, key=lambda row: not row[2])


def _typed(value: Any) -> str:
    """A value of JSON as it is written on the command line."""
    if isinstance(value, list):
        return ",".join(map(_typed, value))
    if isinstance(value, dict):
        return ":".join(map(_typed, value.values()))
    return shown(value)
