"""Three ways to decode a shard, for bench: apart, so that a process that measures loads little."""

import tempfile
import time
from pathlib import Path

import pandas as pd

from graphemes.competition.pointers import read_pointer
from graphemes.images.store import open_store, temporary_store


def by_pandas(shard: Path, _cache: Path) -> tuple[int, float]:
    """Rows and seconds of reading a shard as most do."""
    started = time.perf_counter()
    read = pd.read_feather if shard.suffix == ".feather" else pd.read_parquet
    pointer = read_pointer(shard)
    table = read(shard if pointer is None else pointer.open())
    return len(table), time.perf_counter() - started


def into_file(shard: Path, cache: Path) -> tuple[int, float]:
    """Rows and seconds of decoding a shard into a file that is mapped to memory."""
    cache.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with temporary_store(shard, cache, lambda line: None) as store:
        return len(store.ids), time.perf_counter() - started


def into_store(shard: Path, cache: Path) -> tuple[int, float]:
    """Rows and seconds of making a store of a shard: decoding, marking, checking, writing."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="bench-") as directory:
        started = time.perf_counter()
        store = open_store([shard], Path(directory), "bench", lambda line: None)
        return len(store.ids), time.perf_counter() - started


DECODINGS = {
    "read by pandas": by_pandas,
    "decoded and marked": into_file,
    "whole store": into_store,
}
