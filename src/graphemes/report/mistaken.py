"""What a run reads wrong, as pictures: its worst classes, its surest mistakes, labels to doubt."""

from dataclasses import dataclass

import numpy as np

from graphemes.evaluation.metrics import WorstClass
from graphemes.evaluation.mistakes import doubtful_labels
from graphemes.foundation.classes import RA_PHALA, sign_on_circle, spelled
from graphemes.foundation.heads import HEADS, Head, PerHead
from graphemes.report.material import Material
from graphemes.report.pictures import ScanPictures

CLASSES = 5  # of a head's worst
ACROSS = 6  # pictures of a class
MISTAKES = 20
DOUBTED = 12  # of each head


@dataclass(frozen=True)
class Sign:
    """A class as it is shown: a sign that stands on no letter of its own is put on a circle."""

    label: int
    text: str

    @property
    def hangs(self) -> bool:
        """Whether it reaches out to the left: ra below is as wide as a letter, a circle isn't."""
        return f"\u25cc{RA_PHALA}" in self.text


@dataclass(frozen=True)
class TakenFor:
    """What images of a class are read as."""

    sign: Sign
    images: int
    examples: list[str]  # of that class, read right


@dataclass(frozen=True)
class ClassSheet:
    """One of a head's worst classes."""

    sign: Sign
    images: int
    recall: float
    misread: list[str]
    taken_for: list[TakenFor]


@dataclass(frozen=True)
class HeadReading:
    """What one head says of an image."""

    head: str
    truth: Sign
    guess: Sign
    probability: float  # of the guess
    of_truth: float

    @property
    def right(self) -> bool:
        """Whether it is read right."""
        return self.truth == self.guess


@dataclass(frozen=True)
class Card:
    """One image: what it shows, what its label is, what it is read as."""

    image_id: str
    picture: str | None
    truth: str
    guess: str
    readings: list[HeadReading]


def sign_of(head: Head, label: int) -> Sign:
    """A class for the page."""
    return Sign(label, sign_on_circle(head.name, label) or "none")


def class_sheets(material: Material, pictures: ScanPictures | None) -> PerHead[list[ClassSheet]]:
    """The worst classes of each head that have mistakes, with scans of both sides."""
    found = []
    for number, head in enumerate(HEADS):
        worst = [one for one in material.scores.worst[number] if one.recall < 1][:CLASSES]
        found.append([_sheet(material, number, head, one, pictures) for one in worst])
    return PerHead(*found)


def _sheet(
    material: Material, number: int, head: Head, worst: WorstClass, pictures: ScanPictures | None
) -> ClassSheet:
    truth, guess = material.table.truth[number], material.guess[number]
    taken = [
        TakenFor(
            sign_of(head, label),
            images,
            _shown(material, pictures, (truth == label) & (guess == label), ACROSS // 2),
        )
        for label, images in worst.taken_for[:2]
    ]
    misread = _shown(material, pictures, (truth == worst.label) & (guess != worst.label), ACROSS)
    return ClassSheet(sign_of(head, worst.label), worst.n, worst.recall, misread, taken)


def _shown(
    material: Material, pictures: ScanPictures | None, chosen: np.ndarray, most: int
) -> list[str]:
    """Scans of some of the chosen images, the first of the table."""
    if pictures is None:
        return []
    names = [material.table.image_ids[row] for row in np.flatnonzero(chosen)[:most]]
    return pictures.addresses(names)


def mistake_cards(material: Material, pictures: ScanPictures | None) -> list[Card]:
    """The images that are read wrong with most confidence."""
    return [card(material, pictures, int(row)) for row in material.mistakes[:MISTAKES]]


def card(
    material: Material,
    pictures: ScanPictures | None,
    row: int,
    rather: dict[str, int] | None = None,
) -> Card:
    """One image of the table, read as the likeliest; `rather`: its own labels but for these."""
    table = material.table
    truth = table.truth.map(lambda column: int(column[row]))
    if rather is None:
        read = material.guess.map(lambda column: int(column[row]))
    else:
        read = truth._replace(**rather)
    readings = [
        HeadReading(
            head.name,
            sign_of(head, t),
            sign_of(head, g),
            float(values[row, g]),
            float(values[row, t]),
        )
        for head, t, g, values in zip(HEADS, truth, read, table.probabilities, strict=True)
    ]
    name = table.image_ids[row]
    picture = None if pictures is None else pictures.address(name)
    return Card(name, picture, spelled(truth), spelled(read), readings)


@dataclass(frozen=True)
class Doubts:
    """Images of one head whose label is likely wrong."""

    head: str
    images: int  # how many there are
    cards: list[Card]


def doubt_sheets(material: Material, pictures: ScanPictures | None) -> list[Doubts]:
    """For each head the images whose label the networks doubt most."""
    found = []
    for number, head in enumerate(HEADS):
        truth, values = material.table.truth[number], material.table.probabilities[number]
        rows, labels = doubtful_labels(truth, values)
        cards = [
            card(material, pictures, int(row), {head.name: int(label)})
            for row, label in zip(rows[:DOUBTED], labels[:DOUBTED], strict=True)
        ]
        found.append(Doubts(head.name, len(rows), cards))
    return found
