"""What is answered: for each picture labels, the likeliest classes, spelling, where it looked."""

import base64
from typing import Any

import cv2
import numpy as np

from graphemes.evaluation.decide import decided
from graphemes.foundation.classes import sign_on_circle, spelled
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.images.photographs import Picture
from graphemes.inference.grad_cam import Heat
from graphemes.pipeline.reader import BEST, Explanation, Reader, best_graphemes

_SIDE = 192  # pixels of the longer side of what is shown


def read(reader: Reader, scans: list[Picture]) -> list[dict[str, Any]]:
    """An answer a scan, as JSON has it."""
    found = reader.probabilities(scans)
    labels = decided(reader.chosen.rule, found)
    answers = []
    for row in range(len(scans)):
        triple = PerHead(*(int(column[row]) for column in labels))
        answers.append(
            {
                "grapheme": spelled(triple),
                **{
                    head.name: _classes(head.name, values[row], label)
                    for head, values, label in zip(HEADS, found, triple, strict=True)
                },
                "graphemes": [
                    {"text": text, "probability": chance}
                    for text, chance in best_graphemes(found, row)
                ],
            }
        )
    return answers


def _classes(head: str, values: np.ndarray, label: int) -> dict[str, Any]:
    """The label that is given, and the likeliest classes."""
    order = np.argsort(-values, kind="stable")[:BEST].tolist()
    return {
        "label": label,
        "text": sign_on_circle(head, label),
        "best": [
            {
                "label": one,
                "text": sign_on_circle(head, one),
                "probability": float(values[one]),
            }
            for one in order
        ],
    }


def explained(reader: Reader, scan: Picture) -> dict[str, Any]:
    """What the networks saw and where they looked, as pictures in addresses."""
    found: Explanation = reader.explain(scan)
    return {
        "seen": _png(np.rint(255 * (1 - found.ink)).astype(np.uint8)),
        "looked": {head.name: _heat(heat) for head, heat in zip(HEADS, found.heat, strict=True)},
    }


def _heat(heat: Heat) -> str:
    """Orange, the more opaque the more it mattered: to be laid over what was seen."""
    height, width = heat.shape
    picture = np.empty((height, width, 4), np.uint8)
    picture[:, :, :3] = (0, 110, 245)  # blue, green, red
    picture[:, :, 3] = np.rint(200 * heat)
    return _png(picture)


def _png(picture: np.ndarray) -> str:
    height, width = picture.shape[:2]
    times = _SIDE / max(height, width)
    size = (max(1, round(width * times)), max(1, round(height * times)))
    larger = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    _, encoded = cv2.imencode(".png", larger)
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()
