"""Images of shards in memory, for who wants arrays; a run maps a store's file instead.

N images, PIXELS = 137 * 236.
"""

import contextlib
from pathlib import Path
from typing import Literal

import numpy as np

from graphemes.competition.absent_shards import no_shards
from graphemes.competition.shards import Pixels, decode, find_shards, open_shard
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.images.inversion import turn_inverted


def read_scans(path: Path, part: Literal["train", "test"]) -> tuple[list[str], Pixels]:
    """Ids and (N, 137, 236) uint8, 255 paper .. 0 ink, of one shard or of a folder's of that part.

    Scans white on black are turned. Raises DataError for what is no shard.
    """
    shards = find_shards(path, part) if path.is_dir() else [path]
    if not shards:
        raise no_shards(path, part)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(open_shard(shard)) for shard in shards]
        ids = [name for shard in opened for name in shard.ids]
        pixels = np.empty((len(ids), PIXELS), np.uint8)
        first = 0
        for shard in opened:
            decode(shard, pixels[first : first + shard.rows])
            first += shard.rows
    turn_inverted(pixels, "auto")
    return ids, pixels.reshape(-1, HEIGHT, WIDTH)
