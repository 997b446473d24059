"""Why images are in no shard: shards are still zipped, have no rows or aren't there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from graphemes.competition.shards import find_shards, open_shard
from graphemes.foundation.errors import DataError

_SHOWN = 4  # the competition has as many shards of a part


def zipped_shards(data_dir: Path, part: Literal["train", "test"]) -> list[Path]:
    """Shards as Kaggle's download tool leaves them, NAME.parquet.zip, that lie there only so."""
    pattern = re.compile(rf"({part}_image_data_[0-9]+)\.(feather|parquet)\.zip")
    unzipped = {path.stem for path in find_shards(data_dir, part)}
    matches = [(pattern.fullmatch(path.name), path) for path in sorted(data_dir.iterdir())]
    return [path for match, path in matches if match and match[1] not in unzipped]


def zipped_sentence(paths: Sequence[Path]) -> str:
    """What to do with zipped shards: 'a.zip and b.zip are zipped: unzip them there'."""
    return f"{_named(paths, 'is', 'are')} zipped: unzip {'it' if len(paths) == 1 else 'them'} there"


def absence_advice(data_dir: Path, part: Literal["train", "test"]) -> str:
    """What a sentence about images that are in no shard ends with."""
    reasons = []
    zipped = zipped_shards(data_dir, part)
    if zipped:
        reasons.append(zipped_sentence(zipped))
    empty = [path for path in find_shards(data_dir, part) if not _rows(path)]
    if empty:
        reasons.append(f"{_named(empty, 'has', 'have')} no rows: copy or download again")
    return ", ".join(reasons) or f"are all {part} shards in {data_dir}?"


def no_shards(data_dir: Path, part: Literal["train", "test"]) -> DataError:
    """The error that says that there is no shard of a part, and what there is instead."""
    zipped = zipped_shards(data_dir, part)
    todo = zipped_sentence(zipped) if zipped else "point data_dir at the competition's files"
    return DataError(f"{data_dir}: no {part}_image_data_*.parquet (or .feather); {todo}")


def _rows(path: Path) -> int:
    with open_shard(path) as shard:
        return shard.rows


def _named(paths: Sequence[Path], one: str, many: str) -> str:
    names = [path.name for path in paths[:_SHOWN]]
    if len(paths) > _SHOWN:
        names.append(f"{len(paths) - _SHOWN} more")
    if len(names) == 1:
        return f"{names[0]} {one}"
    return f"{', '.join(names[:-1])} and {names[-1]} {many}"
