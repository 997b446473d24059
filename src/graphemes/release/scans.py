"""A few scans of a shard, where there is no store of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from graphemes.competition.absent_shards import no_shards
from graphemes.competition.shards import BUDGET, Pixels, blocks, find_shards, open_shard
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH


def first_shard(competition: Path, part: Literal["train", "test"]) -> Path:
    """The first shard of a part. Raises DataError where there is none."""
    shards = find_shards(competition, part)
    if not shards:
        raise no_shards(competition, part)
    return shards[0]


def scans_by_id(shard: Path, wanted: Sequence[str] | int) -> dict[str, Pixels]:
    """Scans (137, 236) uint8 by id: those wanted that a shard has, or its first so many.

    Their whole row group is decoded on the way, block by block: 20 seconds for the 50,210 images of
    a genuine shard, in no more memory than a block of it.
    """
    with open_shard(shard) as opened:
        names = opened.ids[:wanted] if isinstance(wanted, int) else list(wanted)
        rows = np.flatnonzero(np.isin(opened.ids, names))
        found = np.empty((len(rows), PIXELS), np.uint8)
        for block in blocks(opened.file.groups, BUDGET):
            inside = (block.rows.start <= rows) & (rows < block.rows.stop)
            if inside.any():
                pixels = [str(pixel) for pixel in block.columns]
                table = opened.file.read(block.groups, pixels)
                taken = table.take(rows[inside] - block.rows.start)
                columns = [column.to_numpy() for column in taken.columns]
                found[inside, block.columns.start : block.columns.stop] = np.stack(columns, axis=1)
        scans = found.reshape(-1, HEIGHT, WIDTH)
        return {opened.ids[row]: scan for row, scan in zip(rows, scans, strict=True)}
