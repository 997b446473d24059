"""A reader: trained networks that read any pictures. What Python, the page and the report use.

N pictures, H x W pixels of what the network sees.
"""

import copy
import functools
import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphemes.evaluation.decide import Decision, decided, of_labels
from graphemes.foundation.arrays import Integers
from graphemes.foundation.classes import spelled
from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.heads import HEADS, PerHead, Probabilities
from graphemes.foundation.machine import usable_cores
from graphemes.foundation.progress import Advance
from graphemes.foundation.settings.types import Decide, GraphemePool, Tta
from graphemes.images.transforms import Transform, apply_transform, make_transform
from graphemes.inference.grad_cam import Heat, grad_cam
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine, choose_engine
from graphemes.network.model import GraphemeNetwork
from graphemes.pipeline.decisions import ChosenRule, choose_rule, identities_of
from graphemes.pipeline.image_sources import Images, ImageSource, image_source
from graphemes.pipeline.trained_networks import ReadyNetworks, find_weights, load_networks

_EXPLAINING = threading.Lock()
BEST = 5  # graphemes that are given for a picture, the likeliest first


class Explanation(NamedTuple):
    """What a network saw of one picture, and what spoke for its answer."""

    ink: np.ndarray[tuple[int, ...], np.dtype[np.float32]]  # (H, W), 0 paper .. 1 ink
    labels: PerHead[int]
    grapheme: str
    heat: PerHead[Heat]  # (H, W) each, 0 .. 1, where it looked for each head's label


@dataclass(frozen=True)
class Reader:
    """Networks of one run, ready to read pictures."""

    ready: ReadyNetworks
    engine: Engine
    batch_size: int
    chosen: ChosenRule

    def predict(self, images: ImageSource, advance: Advance = lambda _: None) -> pd.DataFrame:
        """A row a picture: its file if it has one, three labels, their probabilities, spelling.

        Columns: file (of files only); root, vowel, consonant: int64 labels, by the rule that was
        chosen; root_probability ..: float32; grapheme: text; best: the five likeliest graphemes, a
        list of pairs of text and probability, each the product of its three classes'.
        """
        source = image_source(images)
        return answers(self._probabilities(source, advance), source.names, self.chosen.rule)

    def probabilities(self, images: ImageSource) -> Probabilities:
        """PerHead[(N, C) float32] of each class, the mean over the networks."""
        return self._probabilities(image_source(images), lambda _: None)

    def explain(self, image: ImageSource) -> Explanation:
        """The picture that the networks see, and where they look: the mean of their Grad-CAMs."""
        source = image_source(image)
        if len(source) != 1:
            raise SettingsError(f"explain takes one picture, got {len(source)}")
        ink = apply_transform(self._transform(), source.scan(0))
        batch = [(ink[None], HEADS.map(lambda _: torch.zeros(1)))]
        found = probabilities(
            self.ready.networks, batch, self.engine, lambda _: None, self.ready.tta
        )
        labels = decided(self.chosen.rule, found).map(lambda column: int(column[0]))
        with _EXPLAINING:
            heats = [grad_cam(network, ink, labels, self.engine) for network in self._copies]
        mean = PerHead(*(np.mean(parts, axis=0) for parts in zip(*heats, strict=True)))
        return Explanation(ink[0].numpy(), labels, spelled(labels), mean)

    @functools.cached_property
    def _copies(self) -> list[GraphemeNetwork]:
        """The networks once more: hooks are put on them, while others may read with the first."""
        return copy.deepcopy(self.ready.networks)

    def _transform(self) -> Transform:
        return make_transform(self.ready.image_size, self.ready.crop)

    def _probabilities(self, source: Images, advance: Advance) -> Probabilities:
        ready, batches = self.ready, self._batches(source)
        return probabilities(ready.networks, batches, self.engine, advance, ready.tta)

    def _batches(self, source: Images) -> Iterator[tuple[Tensor, PerHead[Tensor]]]:
        """Batches of pictures; while the network reads one, files of the next are opened."""
        transform, unlabelled = self._transform(), HEADS.map(lambda _: torch.empty(0))
        rows = [
            range(start, min(start + self.batch_size, len(source)))
            for start in range(0, len(source), self.batch_size)
        ]
        with ThreadPoolExecutor(usable_cores()) as pool:
            following = pool.map(source.scan, rows[0])
            for after in [*rows[1:], range(0)]:
                scans, following = following, pool.map(source.scan, after)
                yield torch.stack([apply_transform(transform, one) for one in scans]), unlabelled


def load_reader(
    path: Path | Sequence[Path],
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 128,
    grapheme_pool: GraphemePool | Literal["none"] | None = None,
    tta: Tta | None = None,
    decide: Decide = "auto",
) -> Reader:
    """The reader of a weights file, of a fold's folder or of a run's with its folds.

    Raises DataError where there are no weights or they don't belong together, or where there is no
    rule as `decide` asks for; SettingsError for a device or a precision that isn't here.
    """
    engine = choose_engine(device, precision)
    named = [path] if isinstance(path, Path) else path
    if not named:
        raise DataError("no weights: expected the path of a file or a folder")
    weights = find_weights(named)
    ready = load_networks(weights, engine, grapheme_pool, tta)
    chosen = choose_rule(decide, weights, identities_of(ready.records, ready.otherwise))
    return Reader(ready, engine, batch_size, chosen)


def answers(found: Probabilities, names: Sequence[str] | None, rule: Decision) -> pd.DataFrame:
    """The table that `Reader.predict` gives, of probabilities."""
    labels = decided(rule, found)
    columns: dict[str, object] = {} if names is None else {"file": list(names)}
    columns |= {head.name: label for head, label in zip(HEADS, labels, strict=True)}
    for head, values, label in zip(HEADS, found, labels, strict=True):
        columns[f"{head.name}_probability"] = of_labels(values, label)
    rows = zip(*(column.tolist() for column in labels), strict=True)
    columns["grapheme"] = [spelled(PerHead(*row)) for row in rows]
    columns["best"] = [best_graphemes(found, row) for row in range(len(labels.root))]
    return pd.DataFrame(columns)


def best_graphemes(found: Probabilities, row: int) -> list[tuple[str, float]]:
    """The likeliest graphemes of a picture, as text and probability, the likeliest first."""
    # The best products are among those of each head's best.
    tops: PerHead[Integers] = found.map(lambda head: np.argsort(-head[row], kind="stable")[:BEST])
    triples = [PerHead(*triple) for triple in itertools.product(*(top.tolist() for top in tops))]
    chances = [
        float(np.prod([head[row, label] for head, label in zip(found, triple, strict=True)]))
        for triple in triples
    ]
    order = np.argsort(np.negative(chances), kind="stable")[:BEST]
    return [(spelled(triples[place]), chances[place]) for place in order.tolist()]
