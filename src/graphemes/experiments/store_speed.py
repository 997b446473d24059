"""bench what=store: a store's second use: opened where it is, against decoding its shards."""

import tempfile
import time
from pathlib import Path

from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.timings import Figure, Mark, alternating
from graphemes.images.store import open_store

_QUICK = Mark(0.1, "most")  # seconds, whatever the store's size


def measure_store(bench: Bench) -> Findings:
    """Seconds to make stores of an eighth of the rows and of all, once; to open, each repeat."""
    figures = []
    for rows in (bench.multiples()[0], bench.rows):
        with tempfile.TemporaryDirectory(dir=scratch(bench, "stores")) as directory:
            sources, cache = bench.data.shards(rows), Path(directory)
            made = open_seconds(sources, cache, new=True)
            ways = {"open": lambda: open_seconds(sources, cache)}  # noqa: B023  # used in here
            opened = alternating(ways, bench.settings.repeats, bench.until)["open"]
        figures.append(Figure(f"making, {rows:,} rows", "s", (made,), rows))
        ratio = tuple(seconds / made for seconds in opened)
        figures.append(Figure(f"opening, {rows:,} rows", "s", opened, rows, mark=_QUICK))
        figures.append(Figure(f"opening to making, {rows:,} rows", "share", ratio, rows))
    return Findings(figures)


def open_seconds(sources: list[Path], cache: Path, *, new: bool = False) -> float:
    """Seconds until a store of these shards is there to be used; new: it has to be made."""
    said: list[str] = []
    started = time.perf_counter()
    open_store(sources, cache, "bench", said.append)
    seconds = time.perf_counter() - started
    assert any("making it" in line for line in said) == new, said
    return seconds
