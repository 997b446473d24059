"""A collection: which graphemes are drawn, how often, in whose hands, and in which shards."""

import functools
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphemes.competition.writing import shard_name
from graphemes.foundation.classes import Grapheme
from graphemes.foundation.files import digest, file_digest
from graphemes.foundation.seeds import GRAPHEMES
from graphemes.synthesis.jobs import Job, make_jobs
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.manifest import MANIFEST
from graphemes.synthesis.rendering import VERSION
from graphemes.synthesis.selection import sample_by_share, sample_every_class

SPLITS = ("train", "test")  # a split's position is in its stream keys
IMAGES_A_SHARD = 2500  # 81 MB of pixels, held a few times over while a shard is written


@dataclass(frozen=True)
class Collection:
    """What to draw: `images` and `tests` scans of `graphemes`, in any of `fonts`."""

    graphemes: Sequence[Grapheme]
    images: int
    tests: int = 0
    seed: int = 0
    fonts: tuple[str, ...] = SHIPPED
    _: KW_ONLY
    balance: float | None  # see selection.shares; None: see selection.sample_every_class
    calm: bool = False  # whether writers take care
    shards: int | None = None  # of each split; None: as many as IMAGES_A_SHARD asks for
    manifest: str = MANIFEST  # the file that lists the others

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """What decides the bytes, for the manifest."""
        spelled = [f"{one.text} {tuple(one.labels)}" for one in self.graphemes]
        fonts = [name if name in SHIPPED else file_digest(Path(name)) for name in self.fonts]
        # The last two only where they are chosen: earlier manifests don't have them.
        return {
            "version": VERSION,
            "images": self.images,
            "tests": self.tests,
            "seed": self.seed,
            "balance": self.balance,
            "graphemes": digest("\n".join(spelled).encode()),
            "fonts": fonts,
            **({"calm": True} if self.calm else {}),
            **({"shards": self.shards} if self.shards else {}),
        }

    def counts(self) -> dict[str, int]:
        """How many scans each split that is drawn has."""
        return {split: n for split, n in zip(SPLITS, (self.images, self.tests), strict=True) if n}

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The files of its directory, and test.csv's whether or not there is a test split."""
        tables = ["class_map.csv", "train.csv", "test.csv", "sample_submission.csv"]
        return frozenset([self.manifest, *tables]).union(*map(self.shards_of, self.counts()))

    def shards_of(self, split: str) -> dict[str, range]:
        """The files of a split's shards, and which of its images each has."""
        count, number = self.counts()[split], self.shards
        parts = even_ranges(count, number) if number else ranges(count, IMAGES_A_SHARD)
        return {shard_name(split, k): rows for k, rows in enumerate(parts)}

    def sample(self, split: str) -> list[Grapheme]:
        """The grapheme of each of a split's images."""
        count, random = self.counts()[split], GRAPHEMES.stream(self.seed, SPLITS.index(split))
        if self.balance is None:
            return sample_every_class(self.graphemes, count, random)
        return sample_by_share(self.graphemes, count, random, self.balance)

    def jobs(self, split: str, graphemes: Sequence[Grapheme]) -> list[Job]:
        """What to render of a split's graphemes, in their order."""
        texts, number = [one.text for one in graphemes], SPLITS.index(split)
        return make_jobs(texts, self.seed, number, self.fonts, calm=self.calm)


def ranges(images: int, size: int) -> list[range]:
    """Images in ranges of a size; the last has what is left."""
    return [range(start, min(start + size, images)) for start in range(0, images, size)]


def even_ranges(images: int, count: int) -> list[range]:
    """Images in so many ranges, of the same size give or take one."""
    parts = np.array_split(np.arange(images), min(count, images))
    return [range(int(part[0]), int(part[-1]) + 1) for part in parts]
