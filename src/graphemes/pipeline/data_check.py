"""Whether a data directory is whole: what is wrong with it is said, not raised."""

from pathlib import Path
from typing import Literal

import pandas as pd

from graphemes.competition.absent_shards import zipped_sentence, zipped_shards
from graphemes.competition.labels import read_labels
from graphemes.competition.shards import find_shards, open_shard
from graphemes.competition.submission import read_rows
from graphemes.foundation.errors import UserError
from graphemes.foundation.progress import say
from graphemes.synthesis.manifest import whole_shards


def check_shards(directory: Path, part: Literal["train", "test"]) -> list[str]:
    """Say what shards there are; the ids in them."""
    ids: list[str] = []
    whole = 0
    try:
        shards = find_shards(directory, part)
    except UserError as error:
        say(f"  wrong   {error}")
        return ids
    for path in shards:
        try:
            with open_shard(path) as shard:
                ids += shard.ids
                whole += 1
            if not shard.rows:
                say(f"  empty   {path}: no rows")
        except UserError as error:
            say(f"  wrong   {error}")
    zipped = zipped_shards(directory, part)
    if zipped:
        say(f"  wrong   {directory}: {zipped_sentence(zipped)}")
    if shards:
        say(f"  {part:<7} {whole} of {len(shards)} shards are whole, {len(ids):,} images")
    else:
        say(f"  {part:<7} no shards")
    return ids


def check_tables(directory: Path, train_ids: list[str], test_ids: list[str]) -> pd.DataFrame | None:
    """Say whether the CSVs are well and fit the shards; the labels, if they can be read."""
    labels = check_labels(directory, train_ids)
    try:
        rows = read_rows(directory)
        lacking = _lacking(rows.image_ids, test_ids)
        say(f"  rows    {len(rows.row_ids):,} in sample_submission.csv{lacking}")
    except UserError as error:
        say(f"  wrong   {error}")
    return labels


def check_labels(directory: Path, train_ids: list[str]) -> pd.DataFrame | None:
    """Say whether train.csv is well and fits the shards; its labels, if they can be read."""
    try:
        labels = read_labels(directory / "train.csv")
    except UserError as error:
        say(f"  wrong   {error}")
        return None
    labelled = labels["image_id"].tolist()
    say(f"  labels  {len(labelled):,} in train.csv{_lacking(labelled, train_ids)}")
    return labels


def check_synthetic(source: int | Path) -> int:
    """Say whether synthetic images are whole; as many images as their room on disk is that of."""
    if isinstance(source, int):
        say(f"synthetic {source:,} images, which a run would draw")
        return 2 * source  # shards and store
    directory = source
    say(f"synthetic {directory}")
    try:
        whole_shards(directory)
    except UserError as error:
        say(f"  wrong   {error}")
        return 0
    ids = check_shards(directory, "train")
    check_labels(directory, ids)
    return len(ids)


def _lacking(asked: list[str], there: list[str]) -> str:
    known = set(there)
    lacking = [name for name in asked if name not in known]
    if not lacking:
        return ", all in the shards"
    return f", WRONG: {len(lacking):,} of their images are in no shard, first '{lacking[0]}'"
