"""What the notebooks show as pictures: scans and their crops, curves, misread scans.

H x W pixels. Titles give classes as numbers: matplotlib doesn't join Bengali letters.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from graphemes.competition.shards import Pixels, find_shards, open_shard
from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.oof import OofTable
from graphemes.evaluation.score_report import make_report
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.settings.groups import Learning
from graphemes.images.ink import ink_box
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.release.scans import first_shard, scans_by_id
from graphemes.release.tables import CLASSES_SHOWN

ACROSS = 6  # pictures of a row


@dataclass(frozen=True)
class Picture:
    """A PNG, shown where it is a cell's last value; else a sentence that says why not."""

    png: bytes | None
    text: str

    def _repr_png_(self) -> bytes | None:
        return self.png

    def __repr__(self) -> str:
        return self.text


def first_scans(competition: Path, part: Literal["train", "test"], learning: Learning) -> Picture:
    """The first scans of a part, and what the network sees of them. DataError without a shard."""
    return scans_and_crops(scans_by_id(first_shard(competition, part), ACROSS), learning)


def scans_and_crops(scans: dict[str, Pixels], learning: Learning) -> Picture:
    """Scans with the box found around their ink, and below each what the network sees."""
    shown = list(scans.items())[:ACROSS]
    transform = make_transform(learning.image_size, learning.crop)
    figure = Figure(figsize=(1.9 * len(shown), 3.2), layout="constrained")
    axes = figure.subplots(2, len(shown), squeeze=False)
    for (name, scan), above, below in zip(shown, *axes, strict=True):
        box = ink_box(scan)
        sides = (box.right - box.left - 1, box.bottom - box.top - 1)
        above.imshow(scan, cmap="gray", vmin=0, vmax=255)
        above.add_patch(Rectangle((box.left, box.top), *sides, fill=False, color="tab:red"))
        above.set_title(name, fontsize=8)
        below.imshow(apply_transform(transform, scan)[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        above.axis("off")
        below.axis("off")
    return _drawn(figure, f"{len(shown)} scans, and below each what the network sees of it")


def curves(folds: Sequence[Path]) -> Picture:
    """The curves of folds' trainings, one below the other."""
    files = [FoldPaths(fold).curves for fold in folds if FoldPaths(fold).curves.is_file()]
    read = [cv2.imread(str(path)) for path in files]
    pictures = [picture for picture in read if picture is not None]
    if not pictures:
        return Picture(None, "no curves: no record of a training is here")
    width = min(picture.shape[1] for picture in pictures)
    sheet = np.vstack([picture[:, :width] for picture in pictures])
    return Picture(cv2.imencode(".png", sheet)[1].tobytes(), f"curves of {len(files)} fold(s)")


def misread_scans(table: OofTable | None, competition: Path) -> Picture:
    """Some misread scans of the classes read worst, from the first training shard."""
    shards = find_shards(competition, "train")
    if table is None or not shards:
        return Picture(None, "no out-of-fold tables or no training shards, so nothing to show")
    rows = _misread(table, shards[0])
    if not rows:
        return Picture(None, f"{shards[0].name}: no image of the worst classes is misread")
    scans = scans_by_id(shards[0], [name for _, shown in rows for name, _ in shown])
    across = max(len(shown) for _, shown in rows)
    figure = Figure(figsize=(1.9 * across, 1.4 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), across, squeeze=False)
    for (title, shown), row in zip(rows, axes, strict=True):
        for axis, (name, guess) in zip(row, shown, strict=False):
            axis.imshow(scans[name], cmap="gray", vmin=0, vmax=255)
            axis.set_title(f"{title} read as {guess}", fontsize=8)
    for axis in axes.flat:
        axis.axis("off")
    return _drawn(figure, f"misread scans of {len(rows)} classes")


def _misread(table: OofTable, shard: Path) -> list[tuple[str, list[tuple[str, int]]]]:
    """A class a row: its name, and misread images of the shard with the class they're read as."""
    with open_shard(shard) as opened:
        here = np.isin(table.image_ids, opened.ids)
    guesses, worst = likeliest(table.probabilities), make_report(table).worst
    rows = []
    for head, truth, guess, found in zip(HEADS, table.truth, guesses, worst, strict=True):
        for one in found[:CLASSES_SHOWN]:
            wrong = np.flatnonzero(here & (truth == one.label) & (guess != truth))[:ACROSS]
            shown = [(table.image_ids[row], int(guess[row])) for row in wrong]
            if shown:
                rows.append((f"{head.name} {one.label}", shown))
    return rows


def _drawn(figure: Figure, text: str) -> Picture:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return Picture(file.getvalue(), text)
