"""Where a run's networks look, on a few of its images: read again with the fold's own weights."""

import contextlib
from dataclasses import dataclass

import numpy as np

from graphemes.foundation.errors import UserError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import say
from graphemes.pipeline.reader import load_reader
from graphemes.report.material import Material
from graphemes.report.pictures import ScanPictures, looked, seen

SHOWN = 6  # images, a third of them misread


@dataclass(frozen=True)
class Look:
    """An image as the network saw it, and where it looked for each head's label."""

    image_id: str
    grapheme: str
    right: bool
    ink: str
    heats: list[tuple[str, str, bool]]  # head, picture, whether anything spoke for the label

    @property
    def blank(self) -> bool:
        """Whether there is a head for whose label nothing spoke."""
        return not all(found for _, _, found in self.heats)


def looks(material: Material, pictures: ScanPictures, device: str) -> list[Look]:
    """Some images of the first fold, by its own network, which didn't train on them."""
    place = material.places[0]
    table = material.table
    try:
        reader = load_reader(place.weights, device=device, tta="none", decide="argmax")
        found = []
        for row in _rows(material, pictures):
            name = table.image_ids[row]
            scan = pictures.scan(name)
            assert scan is not None, "only rows with a scan are chosen"
            one = reader.explain(scan)
            right = all(
                label == int(truth[row])
                for label, truth in zip(one.labels, table.truth, strict=True)
            )
            heats = [
                (head.name, looked(one.ink, heat), bool(heat.max() > 0))
                for head, heat in zip(HEADS, one.heat, strict=True)
            ]
            found.append(Look(name, one.grapheme, right, seen(one.ink), heats))
    except UserError as error:  # a trunk without feature maps; weights that are gone
        say(f"the report is without where the network looks: {error}")
        return []
    return found


def _rows(material: Material, pictures: ScanPictures) -> list[int]:
    """Rows of the first fold: some read right, evenly over the table, and its surest mistakes."""
    table = material.table
    here = (table.folds == material.places[0].number) & np.array(
        [pictures.scan(name) is not None for name in table.image_ids]
    )
    wrong = material.mistakes
    chosen = [int(row) for row in wrong if here[row]][: SHOWN // 3]
    right = here.copy()
    right[wrong] = False
    rows = np.flatnonzero(right)
    with contextlib.suppress(IndexError):
        places = np.linspace(0, len(rows) - 1, SHOWN - len(chosen)).astype(int)
        chosen = [*dict.fromkeys(int(row) for row in rows[places]), *chosen]
    return chosen
