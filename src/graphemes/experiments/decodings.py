"""Ways to decode a shard, for bench: apart, so that a process that measures loads little.

Each gives rows and seconds: from the file to (N, 137, 236) pixels, or as far as it goes.
"""

import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.images.store import open_store, temporary_store

_BLOCK = 16 * 2**20  # bytes of pixels that Arrow reads at a time
_WIDEST = 4096  # columns


def by_pandas(shard: Path, _cache: Path) -> tuple[int, float]:
    """As public notebooks read a shard: all of it, then one array."""
    started = time.perf_counter()
    read = pd.read_feather if shard.suffix == ".feather" else pd.read_parquet
    table = read(shard)
    others = [name for name in table.columns if not str(name).isdigit()]
    pixels = table.drop(columns=others).to_numpy().reshape(-1, HEIGHT, WIDTH)
    return len(pixels), time.perf_counter() - started


def by_polars(shard: Path, _cache: Path) -> tuple[int, float]:
    """The same by polars, which may not be installed."""
    import polars as pl  # noqa: PLC0415  # nothing else here needs it

    started = time.perf_counter()
    table = pl.read_parquet(shard)
    pixels = table.select(map(str, range(PIXELS))).to_numpy().reshape(-1, HEIGHT, WIDTH)
    return len(pixels), time.perf_counter() - started


def by_arrow(shard: Path, _cache: Path) -> tuple[int, float]:
    """Arrow's own reading of the columns in blocks, and nothing made of it: the floor."""
    started = time.perf_counter()
    with pq.ParquetFile(shard) as file:
        rows = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            width = max(1, min(_WIDEST, _BLOCK // max(1, count)))
            for left in range(0, PIXELS, width):
                names = [str(pixel) for pixel in range(left, min(left + width, PIXELS))]
                file.read_row_group(group, columns=names)
            rows += count
    return rows, time.perf_counter() - started


def into_file(shard: Path, cache: Path) -> tuple[int, float]:
    """Ours, decoded into a file that is mapped to memory."""
    cache.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with temporary_store(shard, cache, lambda line: None) as store:
        return len(store.ids), time.perf_counter() - started


def into_store(shard: Path, cache: Path) -> tuple[int, float]:
    """Ours, a whole store: decoded, fingerprinted, checked, written."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="bench-") as directory:
        started = time.perf_counter()
        store = open_store([shard], Path(directory), "bench", lambda line: None)
        return len(store.ids), time.perf_counter() - started


PANDAS, POLARS, ARROW = "pandas to an array", "polars to an array", "Arrow's columns alone"
DECODED, STORE = "decoded", "whole store"
DECODINGS = {
    PANDAS: by_pandas,
    POLARS: by_polars,
    ARROW: by_arrow,
    DECODED: into_file,
    STORE: into_store,
}
