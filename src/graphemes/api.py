"""Python's door: read pictures with trained networks, open shards, score tables.

>>> from graphemes.api import load, read_shards, score
>>> reader = load("folds/fold0")
>>> ids, scans = read_shards("data/bengaliai-cv19/test_image_data_0.parquet")
>>> table = reader.predict(scans)
>>> list(table.columns)[:4]
['root', 'vowel', 'consonant', 'root_probability']
>>> len(table) == len(ids)
True

Nothing is printed. What is wrong with what was given is a ValueError with the sentence that the
command line prints; what can't be taken but needn't be is warned of. N pictures, H x W pixels, C
classes of a head.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphemes.evaluation.oof import concatenate, read_oof
from graphemes.evaluation.score_report import make_report, scores_json
from graphemes.foundation.errors import UserError
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.types import Decide, GraphemePool, Tta
from graphemes.foundation.settings.words import read_words
from graphemes.pipeline import reader as pipeline
from graphemes.pipeline.image_sources import ImageSource, OneImage
from graphemes.pipeline.reader import Explanation
from graphemes.pipeline.shard_images import read_scans

__all__ = ["Explanation", "PerHead", "Reader", "Scans", "load", "read_shards", "score"]
SomePath = str | os.PathLike[str]


class Scans(NamedTuple):
    """Ids and images of shards."""

    ids: list[str]  # (N,)
    images: npt.NDArray[np.uint8]  # (N, 137, 236), 255 paper .. 0 ink


class Reader:
    """Trained networks that read pictures; `load` makes one.

    Pictures are given as an array (N, H, W) uint8, a list of arrays (H, W), (H, W, 3) or (H, W, 4)
    uint8 of any sizes, file names, or Pillow's images: scans of the competition's size, which are
    read as the shards' are, or photographs of paper, screenshots and crops, whose ink is found
    first. Dark on light or light on dark.
    """

    def __init__(self, reader: pipeline.Reader) -> None:
        self._reader = reader

    @property
    def decision(self) -> str:
        """The rule that labels are given by, and why, in a line.

        >>> load("folds/fold0", decide="argmax").decision
        'decide=argmax: the likeliest class of each head'
        """
        return self._reader.chosen.why

    def predict(self, images: ImageSource) -> pd.DataFrame:
        """A row a picture.

        Columns: `file` (of file names only); `root`, `vowel`, `consonant`: the labels, int64, by
        the rule that `decide` takes, which needn't be the likeliest;
        `root_probability`, `vowel_probability`, `consonant_probability`: float32; `grapheme`: how
        it is spelled; `best`: the five likeliest graphemes as a list of pairs, spelling and
        probability.

        >>> import numpy as np
        >>> reader = load("folds/fold0")
        >>> blank = np.full((2, 137, 236), 255, np.uint8)
        >>> len(reader.predict(blank))
        2
        >>> reader.predict(blank / 255)
        Traceback (most recent call last):
        ValueError: picture 0: an array of float64; expected uint8, 0 to 255
        """
        with _value_errors():
            return self._reader.predict(images)

    def probabilities(self, images: ImageSource) -> Probabilities:
        """The probabilities of every class: `root` (N, 168), `vowel` (N, 11), `consonant` (N, 7).

        >>> import numpy as np
        >>> found = load("folds/fold0").probabilities(np.full((2, 137, 236), 255, np.uint8))
        >>> found.root.shape, found.vowel.shape, found.consonant.shape
        ((2, 168), (2, 11), (2, 7))
        """
        with _value_errors():
            return self._reader.probabilities(images)

    def explain(self, image: OneImage) -> Explanation:
        """What the networks see of one picture, and where they look.

        `ink`: (H, W) float32, the crop that they see, 0 paper .. 1 ink; `labels` and `grapheme`:
        their answer; `heat.root`, `.vowel`, `.consonant`: (H, W) float32 0 .. 1, Grad-CAM of each
        head's label, the mean over the networks.

        >>> import numpy as np
        >>> seen = load("folds/fold0").explain(np.full((137, 236), 255, np.uint8))
        >>> seen.ink.shape == seen.heat.root.shape
        True
        """
        with _value_errors():
            return self._reader.explain(image)


def load(
    path: SomePath | Sequence[SomePath],
    *,
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    batch_size: int = 128,
    grapheme_pool: GraphemePool | Literal["none"] | None = None,
    tta: Tta | None = None,
    decide: Decide = "auto",
) -> Reader:
    """A reader of trained networks.

    path: a weights file, a fold's folder, a run's folder with its folds (their mean answers), an
    exported folder, or several of these. device, precision, grapheme_pool, tta, decide: as the
    command line's settings; tta as the networks were trained with, if it isn't given. Warns where a
    decisions.json is there that decide="auto" can't take: the likeliest classes are given then.

    >>> reader = load("folds")
    >>> load("nowhere")
    Traceback (most recent call last):
    ValueError: nowhere: no such weights file; train first, or give weights=PATH
    """
    given = {"device": device, "precision": precision, "batch_size": batch_size, "decide": decide}
    if grapheme_pool is not None:
        given["grapheme_pool"] = grapheme_pool
    if tta is not None:
        given["tta"] = tta
    with _value_errors():
        asked = read_words(PredictSettings, [f"{key}={value}" for key, value in given.items()])
        found = pipeline.load_reader(
            _paths(path),
            device=asked.device,
            precision=asked.precision,
            batch_size=asked.batch_size,
            grapheme_pool=asked.grapheme_pool,
            tta=asked.tta,
            decide=asked.decide,
        )
    if found.chosen.passed_over:
        warnings.warn(found.chosen.why, stacklevel=2)
    return Reader(found)


def read_shards(path: SomePath, part: Literal["train", "test"] = "train") -> Scans:
    """The images of one shard, or of all shards of a part in a folder, 32 kB of memory each.

    >>> ids, images = read_shards("data/bengaliai-cv19", "test")
    >>> images.shape[1:], images.dtype
    ((137, 236), dtype('uint8'))
    """
    with _value_errors():
        return Scans(*read_scans(_paths(path)[0], part))


def score(oof: SomePath | Sequence[SomePath]) -> dict[str, Any]:
    """The scores of out-of-fold tables, as in scores.json: per fold and over all images.

    >>> found = score("folds/fold0/oof.parquet")
    >>> sorted(found["overall"]["recall"])
    ['consonant', 'root', 'vowel']
    """
    with _value_errors():
        table = concatenate([read_oof(path) for path in _paths(oof)])
        return scores_json(make_report(table))


def _paths(given: Any) -> list[Path]:
    """The paths of one or several. Raises ValueError for what is none."""
    listed = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    several = given if listed else [given]
    for one in several or [None]:
        if not isinstance(one, str | os.PathLike):
            raise ValueError(  # noqa: TRY004  # one kind of error for all that was given wrongly
                f"path: got {type(one).__name__}, expected the path of a file or a folder"
            )
    return [Path(one) for one in several]


@contextlib.contextmanager
def _value_errors() -> Iterator[None]:
    """Our errors as Python's users expect them."""
    try:
        yield
    except UserError as error:
        raise ValueError(str(error)) from None
