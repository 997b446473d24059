"""Several runs on one page: their scores, curves and settings, and the images they differ on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphemes.evaluation.decide import of_labels
from graphemes.evaluation.unseen import UNSEEN_SHARE
from graphemes.foundation.arrays import Booleans, Floats
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import duration
from graphemes.report.charts import Line, curves_chart, scores_chart
from graphemes.report.material import Material
from graphemes.report.mistaken import Card, card
from graphemes.report.page import percent
from graphemes.report.pictures import ScanPictures
from graphemes.report.run_page import OPEN, Headline, headline

SHOWN = 8  # images that one run reads and the other doesn't


@dataclass(frozen=True)
class RunRow:
    """A run in the table."""

    name: str
    headline: Headline
    folds: int
    training: str  # images that a fold trained on, the mean
    images: int  # that judge it
    passes: int
    time: str
    device: str


@dataclass(frozen=True)
class Difference:
    """Images that the one run reads right and the other doesn't; of images that both judged."""

    winner: str
    loser: str
    images: int
    of: int
    cards: list[Card]  # as the loser reads them, the surest first


def runs_content(materials: list[Material], pictures: ScanPictures | None) -> dict[str, Any]:
    """All that the page of several runs shows."""
    rows = [_row(one) for one in materials]
    logs = {one.title: one.logs[0] for one in materials if one.logs[0]}
    return {
        "rows": rows,
        "heads": [head.name for head in HEADS],
        "scores": scores_chart(
            [
                Line(row.name, row.headline.score, own=row is rows[0])
                for row in sorted(rows, key=lambda row: -row.headline.score)
            ]
        ),
        "curves": curves_chart(logs) if logs else None,
        "settings": _differing_settings(materials),
        "differences": [
            difference
            for other in materials[1:]
            for difference in _differences(materials[0], other, pictures)
        ],
        "weighted": all(row.headline.weighted for row in rows),
        "unseen_share": UNSEEN_SHARE,
        "notes": _notes(materials, pictures),
    }


def _notes(materials: list[Material], pictures: ScanPictures | None) -> list[str]:
    notes = []
    if any(one.demo for one in materials):
        notes.append("Of drawings made from fonts: the scores say nothing about handwriting.")
    if len({tuple(sorted(one.table.image_ids)) for one in materials}) > 1:
        notes.append("The runs aren't judged by the same images, so their scores compare loosely.")
    weighted = [one.title for one in materials if headline(one).weighted]
    if weighted and len(weighted) < len(materials):
        notes.append(
            f"Two scales: only in the scores of {', '.join(weighted)} unseen graphemes weigh"
            f" {percent(UNSEEN_SHARE)}; the other runs are judged by seen ones alone."
        )
    if pictures is None:
        notes.append("The runs' images aren't here, so the report is without pictures.")
    return notes


def _row(material: Material) -> RunRow:
    records = material.records
    return RunRow(
        material.title,
        headline(material),
        len(records),
        _mean([record.training_images for record in records]),
        material.scores.overall.n,
        sum(record.image_passes or 0 for record in records),
        duration(sum(record.train_seconds or 0 for record in records)),
        records[0].device or OPEN,
    )


def _mean(counts: list[int | None]) -> str:
    """Open where a record of an earlier version doesn't tell."""
    known = [count for count in counts if count is not None]
    return f"{sum(known) / len(known):,.0f}" if known and len(known) == len(counts) else OPEN


def _differing_settings(materials: list[Material]) -> list[tuple[str, list[str]]]:
    """The settings of which the runs have not all the same value; names and places aside."""
    found = []
    each = [material.records[0].settings or {} for material in materials]
    for key in sorted({key for settings in each for key in settings}):
        values = [str(settings.get(key, "-")) for settings in each]
        if len(set(values)) > 1 and key not in ("name", "work_dir", "submission"):
            found.append((key, values))
    return found


def _differences(one: Material, other: Material, pictures: ScanPictures | None) -> list[Difference]:
    """Both ways, of the images that both judged."""
    places = {name: row for row, name in enumerate(other.table.image_ids)}
    mine = [row for row, name in enumerate(one.table.image_ids) if name in places]
    theirs = [places[one.table.image_ids[row]] for row in mine]
    if not mine:
        return []
    rows = (np.array(mine), np.array(theirs))
    right = [_right(material)[chosen] for material, chosen in zip((one, other), rows, strict=True)]
    both = (one, other)
    found = []
    for winner, loser in ((0, 1), (1, 0)):
        chosen = rows[loser][right[winner] & ~right[loser]]
        order = chosen[np.argsort(-_sureness(both[loser])[chosen], kind="stable")]
        cards = [card(both[loser], pictures, int(row)) for row in order[:SHOWN]]
        names = both[winner].title, both[loser].title
        found.append(Difference(*names, len(chosen), len(mine), cards))
    return found


def _right(material: Material) -> Booleans:
    """(N,) whether all three are read right."""
    pairs = zip(material.table.truth, material.guess, strict=True)
    found: Booleans = np.all([truth == guess for truth, guess in pairs], axis=0)
    return found


def _sureness(material: Material) -> Floats:
    """(N,) the product of the probabilities of what is read."""
    pairs = zip(material.guess, material.table.probabilities, strict=True)
    found: Floats = np.prod([of_labels(values, guess) for guess, values in pairs], axis=0)
    return found
