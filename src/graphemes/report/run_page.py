"""One run's page: what stands in each section, as values for the template."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from graphemes.evaluation.calibration import calibration
from graphemes.evaluation.decide import Argmax, class_counts
from graphemes.evaluation.metrics import Score, recalls
from graphemes.evaluation.unseen import UNSEEN_SHARE
from graphemes.evaluation.winners import AUTO
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.progress import duration
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.words import shown
from graphemes.pipeline.run_records import RunRecord
from graphemes.report.charts import (
    FEWEST,
    Line,
    Rule,
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
MANY_DOUBTS = 0.03  # of the images: more labels than that are seldom wrong in one collection
FEW = 2000  # images below which a score moves by more than 0.01 with which they are


@dataclass(frozen=True)
class Headline:
    """The score that stands first, and what it is of.

    All are on the scale by which decision rules are judged: where images are of unseen graphemes,
    these weigh UNSEEN_SHARE.
    """

    score: float  # on images that nothing was fitted on
    rule: str  # that it is of: auto, argmax, or of earlier files another rule
    taken: str  # the rule that predict takes
    argmax: float  # what the likeliest classes reach
    recall: dict[str, float]  # what `rule` reaches of each head
    alike: bool  # whether each image counts alike in the recalls, and not in the score
    weighted: bool  # whether unseen graphemes are among the images, and weigh UNSEEN_SHARE
    seen: float | None  # what `rule` reaches of the graphemes that aren't; None where all are seen

    @property
    def by(self) -> str:
        """The rule, and of auto what it takes."""
        return self.rule if self.rule == self.taken else f"{self.rule}: {self.taken}"


@dataclass(frozen=True)
class Row:
    """A row of scores."""

    name: str
    images: int
    score: float
    recall: list[float]
    note: str = ""


def headline(material: Material) -> Headline:
    """What `auto` reached when judged; argmax's where that is taken, or no rule was fitted."""
    subsets = material.scores.overall_subsets
    weighted = None if subsets is None else subsets.weighted
    plain = material.scores.overall if weighted is None else weighted
    file = material.decisions
    if file is None:
        known = subsets.seen if weighted is not None and subsets is not None else None
        seen = None if known is None else known.score.score
        return Headline(
            score=plain.score,
            rule=Argmax.name,
            taken=Argmax.name,
            argmax=plain.score,
            recall=plain.recall._asdict(),
            alike=False,
            weighted=weighted is not None,
            seen=seen,
        )
    # Auto's own row and not the winner's, whose gain is the greatest of several.
    own = file.winner == Argmax.name or AUTO not in file.nested  # earlier files lack auto's
    rule = file.winner if own else AUTO
    row, unseen_weigh = file.nested[rule], file.judged_by == "weighted"
    return Headline(
        score=row.judged,
        rule=rule,
        taken=file.winner,
        argmax=file.nested[Argmax.name].judged,
        recall={head.name: row.recall[head.name] for head in HEADS if head.name in row.recall},
        alike=unseen_weigh,
        weighted=unseen_weigh,
        seen=row.seen if unseen_weigh else None,
    )


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
        "rules": _rules(material, first),
        "sheets": class_sheets(material, pictures)._asdict(),
        "mistakes": mistake_cards(material, pictures),
        "doubts": doubt_sheets(material, pictures),
        "many_doubts": MANY_DOUBTS,
        "fewest": FEWEST,
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
    lines.append(
        Line("this run, weighted" if first.weighted else "this run", first.score, own=True)
    )
    if first.seen is not None:
        lines.append(Line("this run, seen only", first.seen, own=True))
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


def _rules(material: Material, first: Headline) -> Markup | None:
    if material.decisions is None:
        return None
    rows = [
        Rule(
            f"{name} (taken)" if name == first.taken else name,
            row.judged,
            0.0 if name == Argmax.name else row.error,
            own=name == first.rule,
        )
        for name, row in material.decisions.nested.items()
    ]
    return rules_chart(rows, weighted=first.weighted)


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
