"""What an export says of itself: classes and origins as a value, its check as a table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphemes.foundation.classes import SPELLINGS
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS, HEIGHT, WIDTH
from graphemes.foundation.layout import ROOT, FoldPaths
from graphemes.foundation.settings.types import Tta
from graphemes.foundation.versions import commit, versions
from graphemes.inference.export import OUTPUTS, PICTURES, SCANS
from graphemes.inference.views import VIEWS
from graphemes.pipeline.export_checks import Comparison
from graphemes.pipeline.run_records import RunRecord
from graphemes.pipeline.trained_networks import ReadyNetworks

FROM_SCANS = (
    "inside: grey levels until the paper is 255, the box around the ink (connected spots, specks"
    " and marks at the border left out), padding, resizing by area. Not inside: decoding, and"
    " turning scans that are white on black. Differs from the project's own pictures by one grey"
    " level in 255 at some pixels, where OpenCV rounds its sums otherwise: 1,000 of 1,000 real"
    " images kept their three labels (two networks, 32x32 and 64x64)."
)
FROM_PICTURES = (
    "a picture as images/transforms.py makes it: whitened, cut to its ink, padded, resized; values"
    " 0 for paper to 1 for ink; normalisation is inside"
)


def about_networks(
    ready: ReadyNetworks, weights: Sequence[Path], *, dtype: str, preprocess: bool
) -> dict[str, Any]:
    """What a program needs to use what was written, and what made it, as JSON values."""
    size = ready.image_size
    first = ready.records[0]
    source = (
        {"name": SCANS, "shape": ["batch", HEIGHT, WIDTH], "dtype": "uint8", "meaning": FROM_SCANS}
        if preprocess
        else {
            "name": PICTURES,
            "shape": ["batch", 1, size.height, size.width],
            "dtype": "float32",
            "meaning": FROM_PICTURES,
        }
    )
    heads = {
        head.name: {
            "output": output,
            "column": head.column,
            "classes": head.classes,
            "spellings": list(spellings),
        }
        for head, output, spellings in zip(HEADS, OUTPUTS, SPELLINGS, strict=True)
    }
    return {
        "input": source,
        "outputs": "probabilities of each head's classes, after softmax, the mean over networks"
        + _of_views(ready.tta),
        "heads": heads,
        "dtype": dtype,
        "image_size": str(size),
        "crop": ready.crop,
        "tta": ready.tta,
        "settings": first.settings,
        "digests": first.digests,
        "demo": first.demo,
        "networks": [
            {
                "fold": record.fold,
                "epoch": record.epoch,
                "score": record.score,
                "weights": file_digest(path),
                **_trained(path),
            }
            for path, record in zip(weights, ready.records, strict=True)
        ],
        "exported_by": {"commit": commit(ROOT), "versions": versions()},
    }


def _of_views(tta: Tta) -> str:
    return "" if tta == "none" else f" and {VIEWS[tta]} views of a picture (tta={tta}), inside"


def _trained(weights: Path) -> dict[str, Any]:
    """What the run record beside a weights file says of its training; {} where there is none."""
    place = FoldPaths(weights.parent)
    if not place.run.is_file() or weights.name != place.weights.name:
        return {}
    record = RunRecord.read(place.run)
    kept = ("commit", "device", "training_images", "validation_images", "best_score")
    return {key: asdict(record)[key] for key in kept}


def check_lines(source: str, comparison: Comparison, speed: dict[str, float]) -> list[str]:
    """The check for people: against torch, in labels, score and speed."""
    count = comparison.images
    lines = [
        f"checked on {count:,} images ({source}), against torch in fp32:",
        f"  {comparison.same_labels:,} of {count:,} images have the same three labels;"
        f" probabilities differ by {comparison.largest_difference:.2g} at most",
    ]
    if comparison.score is not None and comparison.torch_score is not None:
        gain = round(comparison.score - comparison.torch_score, 4)
        change = f"{'gain' if gain > 0 else 'loss'} {abs(gain):.4f}"
        lines.append(
            f"  score {comparison.score:.4f}, torch's {comparison.torch_score:.4f}: {change}"
        )
    if speed:
        base = next(iter(speed.values()))
        lines.append(f"  {'':<26}images/s  against torch in fp32")
        lines += [f"  {name:<26}{rate:>8,.1f}{rate / base:>8.2f}" for name, rate in speed.items()]
    return lines
