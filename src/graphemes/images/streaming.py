"""Streaming: a shard's images in memory part by part, where the disk has no room for a store."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphemes.competition.shard_parts import shard_parts
from graphemes.competition.shards import Pixels, open_shard
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.machine import usable_memory
from graphemes.foundation.places import free_space, gigabytes
from graphemes.foundation.progress import Say
from graphemes.foundation.settings.types import Wish
from graphemes.images.inversion import turned_sentence
from graphemes.images.store import Bar, Store, decoded_store, filled_store, silent

TOGETHER = 4096  # images a part, 130 MB, where row groups allow it
_SHARE = 8  # of the memory, for a part of a large row group; two are there at a time


def decoded_parts(
    path: Path, directory: Path, say: Say, bar: Bar = silent, *, invert: Wish = "auto"
) -> Iterator[Store]:
    """All images of a shard: one store on `directory`'s disk or, where it has no room, several.

    Those come one after another in the order of the rows, each in memory; who asks for the next
    lets go of the one before. Raises DataError for a shard that can't be used.
    """
    with open_shard(path) as shard:
        rows = shard.rows
        room = _has_room(directory, rows * PIXELS)
        store = decoded_store(shard, directory, say, bar, invert=invert) if room else None
    if store is not None:
        yield store
        return
    say(
        f"{directory}: has no room for {gigabytes(rows * PIXELS)} of decoded images, so"
        f" {path.name} is read part by part in memory"
    )
    yield from parts_in_memory(path, say, invert=invert)


def parts_in_memory(
    path: Path, say: Say, *, invert: Wish = "auto", most: int | None = None
) -> Iterator[Store]:
    """All images of a shard, part by part.

    most: images of one row group in a part, by default what an eighth of the memory holds; a larger
    row group is read from storage as often as it has parts.
    """
    most = most or max(TOGETHER, (usable_memory() or 0) // _SHARE // PIXELS)
    with open_shard(path) as shard:
        turned = 0
        for part in shard_parts(shard, min(TOGETHER, most), most):
            pixels: Pixels = np.empty((part.rows, PIXELS), np.uint8)
            store, more = filled_store(part, pixels, lambda images: None, invert)
            turned += more
            yield store
            del store, pixels  # before the next is made
        if turned:
            say(turned_sentence(path.name, turned, shard.rows, invert))


def _has_room(directory: Path, needed: int) -> bool:
    return free_space(directory) >= needed
