"""Drawings held against real images of the same graphemes: a table, a classifier, two pictures."""

import contextlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphemes.experiments.scan_statistics import ScanStatistics, measure_scan, table
from graphemes.experiments.two_sample_test import classifier_auc
from graphemes.foundation.errors import DataError, PlaceTaken
from graphemes.foundation.files import read_json, write_json
from graphemes.foundation.heads import COLUMNS, PerHead
from graphemes.foundation.places import need_writable
from graphemes.foundation.progress import progress, say
from graphemes.foundation.seeds import COMPARED, COMPARED_ORDER
from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.studies import LEAST_COMPARED, SynthesiseSettings
from graphemes.foundation.settings.types import ImageSize, Wish
from graphemes.images.contact_sheets import mixed, pairs, write_png
from graphemes.images.transforms import apply_transform, make_transform
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import Workspace, find_layout
from graphemes.synthesis.combinations import spelling
from graphemes.synthesis.demo import is_demo
from graphemes.synthesis.jobs import make_jobs, render_all
from graphemes.synthesis.manifest import MANIFEST

IMAGES = 2000
SHEETS, COMPARISON = ("pairs.png", "mixed.png"), "comparison.json"
RESULTS = (COMPARISON, *SHEETS)
SPLIT = 9  # in stream keys: one of its own, beside train and test
SIDE = ImageSize(64, 64)  # of the pictures that the classifier sees
PAIRS, MIXED, ACROSS = 64, 96, 12  # scans on the two sheets; the second's columns


def compare(settings: SynthesiseSettings, directory: Path, fonts: tuple[str, ...]) -> None:
    """Print the table and the classifier's AUC, write the sheets and comparison.json."""
    layout = find_layout(Places(work_dir=settings.work_dir))
    out = settings.out or layout.work_dir / "data" / "comparison"
    _check_place(out)
    turned: Wish = "false" if is_demo(directory) else "auto"  # as a run does: one store serves both
    real, texts = _real(settings, Workspace(layout, directory, demo=False, invert=turned))
    ours = _drawn(settings, texts, fonts)
    measured = {"real": _measured(real, f"compare={directory}"), "drawn": _measured(ours, "drawn")}
    for line in table(*measured.values()):
        say(line)
    auc = classifier_auc(_pictures(real), _pictures(ours), settings.seed)
    say(
        f"two-sample test: a small network's AUC is {auc:.3f} on the {len(real):,} of"
        f" {2 * len(real):,} pictures it did not learn (0.5: it can't tell drawn from real)"
    )
    _write_sheets(out, real, ours, settings.seed)
    means = {
        name: dict(zip(ScanStatistics._fields, np.mean(values, axis=0).tolist(), strict=True))
        for name, values in measured.items()
    }
    write_json(out / COMPARISON, {"images": len(real), "auc": auc, **means})
    say(f"{out}: {SHEETS[0]} (real left, drawn right), {SHEETS[1]}, {COMPARISON}")


def _check_place(out: Path) -> None:
    """Raises UserError where the results can't be put, PlaceTaken where they would replace others'.

    An earlier comparison's are replaced: it takes a minute and says when it was made of what.
    """
    for name in RESULTS:
        need_writable(out / name)
    if (out / MANIFEST).exists():
        raise PlaceTaken(f"out={out}: holds drawings; choose another directory for the pictures")
    there = [name for name in RESULTS if (out / name).exists()]
    try:
        ours = {"images", "auc"} <= set(read_json(out / COMPARISON)) if there else True
    except (DataError, TypeError):
        ours = False
    if not ours:
        raise PlaceTaken(
            f"out={out}: holds {there[0]}, which isn't an earlier comparison's; move it away or"
            " choose another directory"
        )


def _real(
    settings: SynthesiseSettings, workspace: Workspace
) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Real scans (N, 137, 236), as many as asked for, drawn at random, and their strings."""
    if not workspace.directory.is_dir():
        what = "is a file" if workspace.directory.exists() else "no such directory"
        raise DataError(
            f"compare={workspace.directory}: {what}; expected one with train.csv and shards"
        )
    labels = workspace.labels
    count = min(settings.images or IMAGES, len(labels))
    if count < LEAST_COMPARED:
        raise DataError(
            f"compare={workspace.directory}: {count} labelled images, expected {LEAST_COMPARED} or"
            " more"
        )
    data = open_training_data(workspace)
    chosen = COMPARED.stream(settings.seed).permutation(len(labels))[:count]
    if "grapheme" in labels:
        known = labels["grapheme"].to_numpy()[chosen].tolist()
    else:
        known = [None] * count
    triples = zip(*(labels[column].to_numpy()[chosen] for column in COLUMNS), strict=True)
    texts = [
        text if isinstance(text, str) and text else spelling(PerHead(*map(int, triple)))
        for text, triple in zip(known, triples, strict=True)
    ]
    return np.stack([data.store.pixels[row] for row in data.rows[chosen]]), texts


def _drawn(
    settings: SynthesiseSettings, texts: list[str], fonts: tuple[str, ...]
) -> npt.NDArray[np.uint8]:
    jobs = make_jobs(texts, settings.seed, SPLIT, fonts)
    workers = None if settings.workers == "auto" else settings.workers
    scans = []
    with (
        contextlib.closing(render_all(jobs, workers)) as drawing,
        progress("drawing", len(jobs)) as advance,
    ):
        for scan in drawing:
            scans.append(scan)
            advance(1)
    return np.stack(scans)


def _measured(scans: npt.NDArray[np.uint8], which: str) -> list[ScanStatistics]:
    """The scan_statistics of the scans that show ink. Raises DataError if hardly one does."""
    found = [one for one in map(measure_scan, scans) if one is not None]
    if len(found) < LEAST_COMPARED:
        raise DataError(
            f"{which}: ink was found in {len(found):,} of {len(scans):,} images, expected it in"
            f" {LEAST_COMPARED} at least; are these scans of handwriting, dark on light?"
        )
    if len(found) < len(scans):
        say(f"{which}: {len(scans) - len(found):,} images without ink left out of the table")
    return found


def _pictures(scans: npt.NDArray[np.uint8]) -> torch.Tensor:
    """(N, 1, 64, 64) float32, cut to the ink as for training."""
    compose = make_transform(SIDE, "ink")
    return torch.stack([apply_transform(compose, scan) for scan in scans])


def _write_sheets(
    out: Path, real: npt.NDArray[np.uint8], ours: npt.NDArray[np.uint8], seed: int
) -> None:
    write_png(out / SHEETS[0], pairs(list(real[:PAIRS]), list(ours[:PAIRS])))
    half = MIXED // 2
    # Other scans than the pairs' where there are enough, or the pairs would give them away.
    both = np.concatenate([real[-half:], ours[-half:]])
    order = COMPARED_ORDER.stream(seed).permutation(len(both))
    write_png(out / SHEETS[1], mixed(list(both[order]), ACROSS))
