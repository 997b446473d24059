"""What is exported, held against torch: the same probabilities, the same score, how fast.

N images; M to calibrate on; B of a batch.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import score
from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEIGHT, WIDTH, PerHead, Probabilities
from graphemes.foundation.progress import say
from graphemes.foundation.seeds import EXPORTED
from graphemes.images.dataset import UNLABELLED
from graphemes.images.transforms import Transform, apply_transform
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine
from graphemes.pipeline.leakage import seen_by_weights
from graphemes.pipeline.trained_networks import ReadyNetworks
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import Workspace
from graphemes.synthesis.demo import is_demo

Scans = npt.NDArray[np.uint8]  # (N, 137, 236), 255 paper
Reader = Callable[[npt.NDArray[Any]], Probabilities]  # of a batch: pictures, or scans
BATCH = 32
CALIBRATED = 512  # images: more change the ranges little
REPEATS = 5  # of a timed batch; medians count


@dataclass(frozen=True)
class CheckImages:
    """Scans that an export is checked on, and others that int8 is calibrated on."""

    scans: Scans
    truth: PerHead[Integers] | None  # (N,) labels, or None where there are none
    source: str  # for people
    untrained: int  # how many of them no network was trained on
    calibration: Scans  # (M, 137, 236)


@dataclass(frozen=True)
class Comparison:
    """Two readings of the same images: as torch has it in fp32, and as what was written has it."""

    images: int
    same_labels: int  # images with all three labels the same
    largest_difference: float  # of any probability
    torch_score: float | None  # against the true labels, where there are any
    score: float | None

    def as_json(self) -> dict[str, Any]:
        """For export.json."""
        return asdict(self)


def find_check_images(
    workspace: Workspace, weights: Sequence[Path], count: int, *, needed: bool
) -> CheckImages:
    """Labelled images, those first that none of the networks was trained on; else made ones.

    needed: images that a network knows are asked for: DataError where there are none.
    """
    if workspace.draws_demo and not is_demo(workspace.directory):
        if needed:
            raise DataError(
                "dtype=int8: there are no images to calibrate on; give data_dir=PATH, with the"
                " images that the networks were trained on, or take dtype=fp16"
            )
        return made_images(count)
    try:
        return _labelled(workspace, weights, count)
    except DataError as error:
        if needed:
            raise
        say(f"{error}; so it is checked on made images")
        return made_images(count)


def _labelled(workspace: Workspace, weights: Sequence[Path], count: int) -> CheckImages:
    data = open_training_data(workspace)
    mixed = EXPORTED.stream(0).permutation(data.rows)
    trained = np.isin(mixed, data.rows[seen_by_weights(data, weights)])
    rows = np.concatenate([mixed[~trained], mixed[trained]])[:count]
    # Training images that aren't among them; where there are none, what else there is.
    rest = [mixed[trained & ~np.isin(mixed, rows)], mixed[~np.isin(mixed, rows)], rows]
    calibrated = next(some for some in rest if len(some))[:CALIBRATED]
    untrained = min(count, int((~trained).sum()))
    kind = "drawings of the demo" if workspace.demo else "labelled images"
    return CheckImages(
        data.store.pixels[np.sort(rows)],
        data.by_row.map(lambda column: column[np.sort(rows)]),
        f"{kind}, {untrained:,} of {len(rows):,} outside the training rows",
        untrained,
        data.store.pixels[np.sort(calibrated)],
    )


def made_images(count: int) -> CheckImages:
    """Strokes by chance on paper: no handwriting, but all that a graph can go wrong on."""
    random = EXPORTED.stream(0)
    scans = random.integers(225, 256, (count, HEIGHT, WIDTH)).astype(np.uint8)
    for scan in scans:
        for _ in range(random.integers(1, 6)):
            top, left = random.integers(0, HEIGHT - 8), random.integers(0, WIDTH - 8)
            high, wide = random.integers(3, 60, 2)
            scan[top : top + high, left : left + wide] = random.integers(0, 120)
    return CheckImages(scans, None, "made images: nobody's handwriting", count, scans[:CALIBRATED])


def pictures(scans: Scans, compose: Transform) -> npt.NDArray[np.float32]:
    """(B, 1, H, W) as `images.transforms` has them."""
    return np.stack([apply_transform(compose, np.asarray(scan)).numpy() for scan in scans])


def torch_reader(ready: ReadyNetworks, engine: Engine) -> Reader:
    """The networks themselves, on pictures."""
    nothing = PerHead(*(torch.tensor(label) for label in UNLABELLED))

    def read(ink: npt.NDArray[Any]) -> Probabilities:
        batches = [(torch.from_numpy(ink), nothing)]
        return probabilities(ready.networks, batches, engine, lambda count, **_: None, ready.tta)

    return read


def batches_of(scans: Scans) -> Iterator[Scans]:
    """The scans, B at a time."""
    for start in range(0, len(scans), BATCH):
        yield scans[start : start + BATCH]


def compare(expected: Probabilities, got: Probabilities, images: CheckImages) -> Comparison:
    """What was written against torch, on the same images."""
    guesses = likeliest(expected), likeliest(got)
    same = np.ones(len(images.scans), bool)
    for one, other in zip(*guesses, strict=True):
        same &= one == other
    apart = [
        float(np.abs(a - b).max()) if np.isfinite(b).all() else float("inf")
        for a, b in zip(expected, got, strict=True)
    ]
    truth = images.truth
    scores = [None if truth is None else score(truth, guess).score for guess in guesses]
    return Comparison(len(same), int(same.sum()), max(apart), *scores)


def speeds(readers: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Images a second of each, a call of which reads `count`; turn by turn, so that a busy
    machine is busy for all.
    """
    took: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(REPEATS + 1):
        for name, call in readers.items():
            started = time.perf_counter()
            call()
            if turn:  # the first doesn't count
                took[name].append(time.perf_counter() - started)
    return {name: round(count / statistics.median(times), 2) for name, times in took.items()}
